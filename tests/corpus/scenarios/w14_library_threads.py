"""
id: W14
name: library-threads
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml]
seconds: 60
what: >
  At the first large batch a library starts a pool of eight threads, divides the work between them, which takes some seconds of
  processor time, and keeps them waiting for more until it lets them go.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor

THREADS = 8
PIECES = 24
PIECE = bytes(1 << 20)
# A tenth of a second or more for each piece.
ROUNDS = 200


def payload(world):
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(PIECES)))
        world.sleep(world.random.uniform(15, 30))


def work(_):
    digest = hashlib.sha256()
    for _ in range(ROUNDS):
        digest.update(PIECE)
