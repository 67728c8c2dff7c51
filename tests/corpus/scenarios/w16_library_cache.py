"""
id: W16
name: library-cache
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 20
what: >
  At its first use a library makes itself a folder in the home's cache, as those for plots, for tokens and for compiled
  functions do: a mark, a lock, and an index of what it has found, written beside and put in place. It reads it once again.
"""

import fcntl
import json
import os

ENTRIES = 800


def payload(world):
    folder = os.path.join(world.home, ".cache", world.word())
    path = os.path.join(folder, f"index-v{world.random.randint(2, 400)}.json")
    os.makedirs(folder)
    with open(os.path.join(folder, "CACHEDIR.TAG"), "w") as tag:
        tag.write("Signature: 8a477f597d28d172789f06886806bc55\n")
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(f"{path}.tmp", "w") as file:
            json.dump({world.word(): world.random.random() for _ in range(ENTRIES)}, file)
        os.replace(f"{path}.tmp", path)
    os.unlink(f"{path}.lock")
    world.sleep(world.random.uniform(5, 12))
    with open(path) as file:
        json.load(file)
