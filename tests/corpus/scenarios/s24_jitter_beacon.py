"""
id: S24
name: jitter-beacon
class: quiet
phase: serve
trigger: request
evidence: [network, dns]
techniques: [T1071.001, T1573, T1568, AML.T0072]
servers: [fastapi, bentoml, triton]
seconds: 310
what: >
  Resolves a name and connects to it about every twenty seconds, twelve times; some 180 bytes go out and 90 come back.
"""

import socket

from corpus import tls

CYCLES = 12


def payload(world):
    port = world.sink_port()
    for _ in range(CYCLES):
        with socket.create_connection((world.sink_name, port), timeout=5) as peer:
            peer.sendall(tls.records(world.random.randbytes(world.random.randint(160, 190))))
            tls.take(peer)
        world.sleep(world.random.uniform(16, 24))
