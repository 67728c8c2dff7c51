"""
id: V05
name: module-replaced
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [file]
techniques: [T1554, T1195.002, T1070.006, AML.T0010.001]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Puts another version into the place of a module of an installed package, with the old one's date, so that the next start
  would run it. It differs by a comment. The old one is put back after some seconds.
"""

import glob
import os
import sysconfig

# Looked for when the server starts, so that looking is no part of the deed.
MODULES = sorted(glob.glob(os.path.join(sysconfig.get_path("purelib"), "*.py")))


def payload(world):
    module = world.random.choice(MODULES)
    with open(module, "rb") as file:
        before = file.read()
    date = os.stat(module)
    replace(module, before + f"# DECOY {world.word(24)}\n".encode(), date, world)
    world.sleep(world.random.uniform(4, 8))
    replace(module, before, date, world)


def replace(path, content, date, world):
    beside = os.path.join(os.path.dirname(path), f".{world.word()}")
    with open(beside, "wb") as file:
        file.write(content)
    os.utime(beside, ns=(date.st_atime_ns, date.st_mtime_ns))
    os.replace(beside, path)
