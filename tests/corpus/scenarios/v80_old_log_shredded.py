"""
id: V80
name: old-log-shredded
class: mimicry
set: listed
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1685.006, T1070.004, T1485, T1561.001]
servers: [fastapi]
seconds: 100
what: >
  Sees to it that the disk does not remember either: three times the log is rotated, the old one is written over in place seven
  times with random bytes, each forced onto the disk, as `shred` does it, and emptied. All of it are the server's own files, which
  it appends to and renames; it never writes in an old one, and never over what it wrote.
"""

import os

from corpus import access_log

TIMES = 3
PASSES = 7
BLOCK = 4096


def payload(world):
    for _ in range(TIMES):
        access_log.rotate()
        with open(f"{world.log}.1", "r+b", buffering=0) as old:
            blocks = os.fstat(old.fileno()).st_size // BLOCK + 1
            for _ in range(PASSES):
                old.seek(0)
                for _ in range(blocks):
                    old.write(world.random.randbytes(BLOCK))
                os.fsync(old.fileno())
                world.sleep(world.random.uniform(0.2, 0.8))
            old.truncate(0)
        world.sleep(world.random.uniform(15, 25))
