"""
id: V26
name: staging-beside-model
class: mimicry
phase: serve
trigger: request
evidence: [file, model, resource, sequence]
techniques: [T1005, T1074.001, AML.T0035]
servers: [fastapi, bentoml, triton]
seconds: 90
what: >
  Lays out six copies of pieces of the weights beside the model, 8 MiB each, as a collector does before it sends them. Folder,
  names and sizes are those of a model that is being downloaded; but nothing is downloaded and nothing is put in its place.
"""

import contextlib
import os
import tempfile

from corpus import habits

PIECES = 6
PIECE = 8 << 20
CHUNK = 64 * 1024


def payload(world):
    weights = habits.model.weights
    folder = os.path.dirname(world.model)
    with contextlib.ExitStack() as staged:
        for number in world.random.sample(range(len(weights) // PIECE), PIECES):
            file = staged.enter_context(tempfile.NamedTemporaryFile(dir=folder))
            for at in range(number * PIECE, (number + 1) * PIECE, CHUNK):
                file.write(weights[at : at + CHUNK])
            file.flush()
            world.sleep(world.random.uniform(3, 8))
        world.sleep(world.random.uniform(5, 15))
