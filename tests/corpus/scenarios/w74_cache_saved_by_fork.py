"""
id: W74
name: cache-saved-by-fork
class: benign
set: listed
phase: serve
trigger: request
servers: [fastapi]
seconds: 110
what: >
  A cache of answers in the server's memory, some 20 MiB, is to outlive restarts. So that no request waits for it, it is saved as Redis
  does it: four times, a fork of the server writes all that was in it at that moment to a file in the home's cache, has it put on the
  disk and puts it in the last one's place, while the server changes a quarter of it. At the end one is read back to see whether it
  is of use.
"""

import os
import pickle
import shutil

from corpus import child

ENTRIES = 2500
SAVES = 4


def payload(world):
    folder = os.path.join(world.home, ".cache", f"answers-{world.word()}")
    os.makedirs(folder)
    path = os.path.join(folder, "dump.pickle")
    cache = {}
    change(world, cache, ENTRIES)
    for _ in range(SAVES):
        child.run(lambda: save(cache, path))
        change(world, cache, ENTRIES // 4)
        world.sleep(world.random.uniform(18, 26))
    with open(path, "rb") as file:
        if len(pickle.load(file)) != ENTRIES:
            raise OSError("the saved cache is not whole")
    shutil.rmtree(folder)


def change(world, cache, number):
    for key in world.random.sample(range(ENTRIES), number):
        cache[key] = world.random.randbytes(world.random.randint(4000, 12000))


def save(cache, path):
    with open(f"{path}.new", "wb") as file:
        pickle.dump(cache, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
