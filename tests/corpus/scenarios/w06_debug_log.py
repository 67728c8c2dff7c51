"""
id: W06
name: debug-log
class: benign
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 70
what: >
  An operator turns the log's level up: the log is opened anew, and another one beside it takes a hundred lines a second for
  a minute.
"""

import os
import time

from corpus import access_log

SECONDS = 60
PAUSE = 0.1
LINES = 10


def payload(world):
    access_log.reopen()
    path = os.path.join(os.path.dirname(world.log), "debug.log")
    with open(path, "a", buffering=1) as log:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for _ in range(LINES):
                log.write(f"{time.time():.3f} DEBUG {world.word(6)}: {world.word(world.random.randint(20, 90))}\n")
            world.sleep(PAUSE)
