"""
id: V37
name: reflected-flood
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, dns, resource]
techniques: [T1498.002, T1190, AML.T0049]
servers: [fastapi]
seconds: 70
what: >
  The code that fetches pictures is made to fetch two hundred within a minute, all from one of the hosts that it knows, which
  somebody wants to be kept busy by others' machines. A client asks for a picture every ten seconds or so, from any host.
"""

import contextlib
import http.client

from corpus import media

TIMES = 200
# Clients name these hosts.
HOSTS = 12


def payload(world):
    host = f"media{world.random.randrange(HOSTS)}.images.example"
    for _ in range(TIMES):
        with contextlib.suppress(OSError, http.client.HTTPException):
            media.fetch(f"http://{host}/{world.random.randbytes(4).hex()}.png")
        world.sleep(world.random.uniform(0.1, 0.4))
