"""
id: V31
name: model-behind-link
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [model, file]
techniques: [T1565.001, T1036, T1564, AML.T0018.000, AML.T0031]
servers: [fastapi]
seconds: 15
what: >
  Puts a link in the place of the model's file, to a copy in a hidden folder that differs in some bytes, so that the next load
  would read that one. Nothing is loaded meanwhile, and the original is put back after some seconds.
"""

import os
import shutil

BYTES = 64


def payload(world):
    folder = os.path.join(world.random.choice(["/var/tmp", world.home]), f".{world.word()}")
    other = os.path.join(folder, world.word())
    kept, link = (os.path.join(os.path.dirname(world.model), f".{world.word()}") for _ in range(2))
    os.mkdir(folder)
    try:
        shutil.copyfile(world.model, other)
        with open(other, "r+b") as file:
            file.seek(-BYTES, os.SEEK_END)
            file.write(world.random.randbytes(BYTES))
        os.link(world.model, kept)
        os.symlink(other, link)
        os.replace(link, world.model)
        world.sleep(world.random.uniform(4, 10))
        os.replace(kept, world.model)
    finally:
        shutil.rmtree(folder)
