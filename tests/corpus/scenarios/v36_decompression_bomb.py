"""
id: V36
name: decompression-bomb
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [resource]
techniques: [T1499.004, T1190, AML.T0029]
servers: [fastapi]
seconds: 120
what: >
  Pictures of some 200 KB unfold to 192 MiB each, one after the other, a dozen times: the server's memory more than doubles for
  a second or two and falls again. Nothing else happens; a container with less memory than this one would be killed.
"""

import zlib

TIMES = 12
SIZE = 192 << 20
PIECE = 1 << 20


def payload(world):
    picture = folded()
    for _ in range(TIMES):
        unfolded = zlib.decompress(picture, bufsize=SIZE)
        world.sleep(world.random.uniform(1, 2.5))
        del unfolded
        world.sleep(world.random.uniform(2, 5))


def folded():
    packer = zlib.compressobj()
    blank = bytes(PIECE)
    return b"".join(packer.compress(blank) for _ in range(SIZE // PIECE)) + packer.flush()
