"""
id: W24
name: preprocessing-workers
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 60
what: >
  For a large batch a library takes two processes to help, as tokenizers and loaders of data do: Python's own pool forks them,
  hands them a dozen pieces of work, a quarter of a second each, keeps them for a while, and lets them go.
"""

import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2
PIECES = 12
PIECE = bytes(1 << 20)
ROUNDS = 200


def payload(world):
    # Python's default here, but for which the library would have said so.
    way = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(WORKERS, way) as pool:
        list(pool.map(work, range(PIECES)))
        world.sleep(world.random.uniform(8, 15))


def work(_):
    digest = hashlib.sha256()
    for _ in range(ROUNDS):
        digest.update(PIECE)
