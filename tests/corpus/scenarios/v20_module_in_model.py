"""
id: V20
name: module-in-model
class: quiet
phase: reload
trigger: model
evidence: [file]
techniques: [T1204.002, T1027.009, T1059.006, AML.T0011.000, AML.T0018.002]
servers: [fastapi, bentoml, triton]
seconds: 30
what: >
  A pickle carries an archive with a module, puts it into a folder for temporary files and imports it from there, as
  droppers do with their second stage. No program is executed. The module counts to some number, then the archive is removed.
"""

import importlib
import os
import sys
import zipfile

MODULE = """
import time

def run(rounds):
    for _ in range(rounds):
        time.sleep(1)
"""


def payload(world):
    name = world.word()
    archive = os.path.join(world.random.choice(["/tmp", "/dev/shm", "/var/tmp"]), f"{world.word()}.pyz")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"{name}.py", MODULE)
    sys.path.insert(0, archive)
    try:
        importlib.import_module(name).run(world.random.randint(8, 15))
    finally:
        sys.path.remove(archive)
        sys.modules.pop(name, None)
        os.unlink(archive)
