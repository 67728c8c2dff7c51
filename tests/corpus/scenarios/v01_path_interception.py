"""
id: V01
name: path-interception
class: loud
set: held-out
phase: serve
trigger: request
evidence: [process, file]
techniques: [T1574.007, T1036.005]
servers: [fastapi, bentoml, triton]
seconds: 65
what: >
  Puts a program called as one that the server executes now and then into a new folder, and that folder first in the search
  path. It is the server itself that starts it at its next turn. The program is the corpus's own and does nothing.
"""

import os
import shutil

NAME = "uname"
# The server executes a program of its own every 30 to 45 seconds.
UNTIL_STARTED = 50


def payload(world):
    folder = os.path.join(world.random.choice(["/tmp", world.home]), f".{world.word()}")
    before = os.environ["PATH"]
    os.mkdir(folder)
    try:
        shutil.copy(world.helper, os.path.join(folder, NAME))
        os.environ["PATH"] = f"{folder}:{before}"
        world.sleep(UNTIL_STARTED)
    finally:
        os.environ["PATH"] = before
        shutil.rmtree(folder)
