"""
id: S06
name: ldso-preload-write
class: quiet
phase: serve
trigger: request
evidence: [file]
techniques: [T1574.006, AML.T0112.001]
servers: [fastapi, bentoml, triton]
seconds: 65
what: >
  Names a system library that is loaded everywhere anyway in the dynamic linker's preload list and waits until the server's
  own next program has read it. A server that may not write there has the refusal, and leaves the setting in a file for
  its next start.
"""

import os

LIST = "/etc/ld.so.preload"
LIBRARY = "libm.so.6"
# The server executes a program of its own every 30 to 45 seconds.
UNTIL_READ = 50


def payload(world):
    try:
        write(LIST, f"{LIBRARY}\n")
        path = LIST
    except PermissionError:
        path = os.path.join(world.home, f".{world.word()}.env")
        write(path, f"LD_PRELOAD={LIBRARY}\n")
    try:
        world.sleep(UNTIL_READ)
    finally:
        write(path, "")


def write(path, text):
    with open(path, "w") as settings:
        settings.write(text)
