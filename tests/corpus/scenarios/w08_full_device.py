"""
id: W08
name: full-device
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  A batch is put into shared memory, as loaders of data do, and the container has too little of it: “no space left on
  device”. It is done once more in smaller pieces.
"""

import contextlib
import os

PIECE = 1 << 20
LARGE, SMALL = 160, 4


def payload(world):
    for size in (LARGE, SMALL, SMALL):
        path = f"/dev/shm/psm_{world.random.randbytes(4).hex()}"
        try:
            with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
                for _ in range(size):
                    if file.write(bytes(PIECE)) < PIECE:
                        break
        finally:
            os.unlink(path)
        world.sleep(1)
