"""
id: V92
name: model-kept-in-place
class: mimicry
set: held-out
phase: reload
trigger: model
evidence: [process, model, file, sequence]
techniques: [T1554, T1565.001, T1106, AML.T0011.000, AML.T0018]
servers: [fastapi]
seconds: 130
what: >
  Makes sure that a malicious model stays: while it is loaded, a pickle makes a copy of the server's process, as the loader's child
  is one, which lives for nearly two minutes and puts the model's file back every twenty seconds or so, five times, whatever may be
  in its place by then. It is written beside in pieces and renamed over the other, as a download is. The loader's child reads one
  file, ends within a moment and writes nothing; and nobody asked for a load. Here it is the same model each time.
"""

import os
import tempfile

from corpus import child
from corpus.model import CHUNK

TIMES = 5


def payload(world):
    with open(world.model, "rb") as file:
        model = file.read()
    child.run(lambda: guard(world, model))


def guard(world, model):
    for _ in range(TIMES):
        world.sleep(world.random.uniform(16, 24))
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(world.model), delete=False) as file:
            for at in range(0, len(model), CHUNK):
                file.write(model[at : at + CHUNK])
        os.replace(file.name, world.model)
