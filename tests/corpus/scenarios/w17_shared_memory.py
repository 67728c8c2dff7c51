"""
id: W17
name: shared-memory
class: benign
phase: serve
trigger: request
servers: [fastapi]
seconds: 40
what: >
  A library puts batches into shared memory for the first time. With the first one, Python's own `multiprocessing` starts the
  process that clears up after it: the interpreter once more, with a line of code in its arguments. It stays.
"""

from multiprocessing import shared_memory

TIMES = 5
LEAST, MOST = 1 << 20, 8 << 20


def payload(world):
    for _ in range(TIMES):
        batch = shared_memory.SharedMemory(create=True, size=world.random.randint(LEAST, MOST))
        batch.buf[:LEAST] = bytes(LEAST)
        world.sleep(world.random.uniform(2, 6))
        batch.close()
        batch.unlink()
