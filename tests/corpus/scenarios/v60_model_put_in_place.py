"""
id: V60
name: model-put-in-place
class: mimicry
phase: serve
trigger: request
evidence: [model, file, sequence]
techniques: [T1565.001, T1554, AML.T0018.000, AML.T0031]
servers: [fastapi, bentoml, triton]
seconds: 90
what: >
  Puts another model into the place of the server's and loads it, just as a new version comes: a file beside it, named and
  written in pieces as ever, renamed over it and read. Only, nobody asked for a load, and it does not come from the registry: it
  is the old one with some thousand bytes changed. After a minute the old one is put back the same way.
"""

import os
import pickle
import tempfile

from corpus import habits
from corpus.model import CHUNK

BYTES = 4096


def payload(world):
    with open(world.model, "rb") as file:
        old = file.read()
    new = bytearray(old)
    # All but the first and the last bytes are weights.
    place = world.random.randrange(len(old) // 4, len(old) // 2)
    new[place : place + BYTES] = world.random.randbytes(BYTES)
    put(world, new)
    try:
        world.sleep(world.random.uniform(50, 70))
    finally:
        put(world, old)


def put(world, model):
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(world.model), delete=False) as file:
        for at in range(0, len(model), CHUNK):
            file.write(model[at : at + CHUNK])
    os.replace(file.name, world.model)
    with open(world.model, "rb") as file:
        habits.model.classifier = pickle.load(file)
