"""
id: V28
name: archived-by-tools
class: loud
set: held-out
phase: reload
trigger: model
evidence: [process, file]
techniques: [T1560.001, T1005, T1074.001, T1027, AML.T0011.000, AML.T0035]
servers: [fastapi, triton]
seconds: 40
what: >
  A pickle packs up the home and the search index with the system's own tools: `tar` makes an archive, `split` cuts it to
  pieces, `base64` writes each as text, ready to be sent. Nothing is sent, all of it is removed, and all secrets are decoys.
"""

import os
import shutil
import subprocess

MOST = 8


def payload(world):
    folder = os.path.join(world.random.choice(["/tmp", "/var/tmp"]), f".{world.word()}")
    archive = os.path.join(folder, world.word())
    os.mkdir(folder)
    try:
        run(["tar", "-cf", archive, "-C", world.home, ".", os.path.dirname(world.index)])
        world.sleep(world.random.uniform(0.5, 2))
        run(["split", "-b", f"{world.random.randint(64, 192)}k", archive, f"{archive}."])
        os.unlink(archive)
        for name in sorted(os.listdir(folder))[:MOST]:
            world.sleep(world.random.uniform(0.3, 1.5))
            piece = os.path.join(folder, name)
            with open(f"{piece}.txt", "wb") as text:
                run(["base64", "-w0", piece], stdout=text)
    finally:
        shutil.rmtree(folder)


def run(arguments, stdout=subprocess.DEVNULL):
    subprocess.run(arguments, stdout=stdout, stderr=subprocess.DEVNULL, check=True)
