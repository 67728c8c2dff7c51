"""
id: W43
name: weights-verified
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 90
what: >
  An operator wants to know whether the files on this node are whole, and has the server compare them with their checksums: all
  that is in the model's folder is read from its beginning to its end, at a measured pace so that requests do not suffer. As the
  answer comes too late for his client, he asks once more.
"""

import hashlib
import os

PIECE = 1 << 20
PAUSE = 0.15
TIMES = 2


def payload(world):
    folder = os.path.dirname(world.model)
    sums = []
    for _ in range(TIMES):
        files = sorted(entry.path for entry in os.scandir(folder) if entry.is_file())
        sums.append({path: checksum(world, path) for path in files})
        world.sleep(world.random.uniform(10, 20))
    if sums[0][world.weights] != sums[1][world.weights]:
        raise OSError(f"{world.weights} has changed")


def checksum(world, path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            world.sleep(PAUSE)
    return digest.hexdigest()
