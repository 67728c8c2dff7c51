"""
id: W32
name: spawned-workers
class: benign
set: listed
phase: serve
trigger: request
servers: [fastapi]
seconds: 90
what: >
  For a long list of texts a library starts a pool of two workers, as those for embeddings do: Python's own `multiprocessing`
  executes the interpreter anew for each, with a line of code of its own in its arguments, and each loads the server's libraries.
  They are handed thirty pieces of work, stay for a while, and are let go.
"""

import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2
PIECES = 30
PIECE = bytes(1 << 20)
ROUNDS = 120


def payload(world):
    # Where there are threads and perhaps a GPU, such libraries do not fork.
    way = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, way) as pool:
        digests = list(pool.map(embed, range(PIECES)))
        world.sleep(world.random.uniform(12, 25))
    if len(digests) != PIECES:
        raise ChildProcessError(f"{len(digests)} of {PIECES} pieces")


def embed(number):
    digest = hashlib.sha256(bytes([number]))
    for _ in range(ROUNDS):
        digest.update(PIECE)
    return digest.digest()
