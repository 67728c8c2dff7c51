"""
id: V06
name: linker-path-hijack
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [file, process]
techniques: [T1574.006, T1129, AML.T0112.001]
servers: [fastapi, bentoml, triton]
seconds: 65
what: >
  Copies the system's C library into a new folder and has the dynamic linker look there first, so that the program that the
  server executes anyway maps the copy. The program is known, its arguments are, and the copy is a true one.
"""

import glob
import os
import shutil

LIBRARY = next(iter(glob.glob("/lib/*-linux-gnu/libc.so.6")), "/lib/libc.so.6")
VARIABLE = "LD_LIBRARY_PATH"
# The server executes a program of its own every 30 to 45 seconds.
UNTIL_MAPPED = 50


def payload(world):
    folder = f"/tmp/{world.word()}"
    before = os.environ.get(VARIABLE)
    os.mkdir(folder)
    try:
        shutil.copy(LIBRARY, folder)
        os.environ[VARIABLE] = folder if before is None else f"{folder}:{before}"
        world.sleep(UNTIL_MAPPED)
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
        shutil.rmtree(folder)
