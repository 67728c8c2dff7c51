"""
id: V09
name: udp-beacon
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [network, dns]
techniques: [T1095, T1571, T1029, AML.T0072]
servers: [fastapi, bentoml, triton]
seconds: 120
what: >
  Resolves a name once and sends it a small datagram every few seconds, fifteen times; nothing comes back. A server that
  speaks UDP to nobody but its resolver does so.
"""

import socket

TIMES = 15


def payload(world):
    address = socket.gethostbyname(world.sink_name)
    port = world.random.randint(1024, 60000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for _ in range(TIMES):
            peer.sendto(world.random.randbytes(world.random.randint(40, 120)), (address, port))
            world.sleep(world.random.uniform(3, 8))
