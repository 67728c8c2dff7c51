"""
id: V73
name: model-cut-short
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [model, file, network, sequence]
techniques: [T1485, T1499.004, T1565.001, AML.T0029, AML.T0031]
servers: [fastapi, bentoml, triton]
seconds: 90
what: >
  Spoils the server's next start: the model is fetched from the registry in the usual way, but given up after a MiB or so of
  eight, and what came is put in the model's place, where nobody reads it for now. Nobody asked for a load. After a minute the
  whole of it is fetched and put there.
missed: >
  It is fetched, written and renamed as each reload does it, and less of it. How long a model was is not remembered.
"""

import http.client
import os
import tempfile

from corpus import habits
from corpus.model import CHUNK, download


def payload(world):
    chunks = world.random.randint(12, 24)
    version = habits.model.version
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    registry.request("GET", f"/models/classifier/{version}")
    answer = registry.getresponse()
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(world.model), delete=False) as file:
        for _ in range(chunks):
            file.write(answer.read(CHUNK))
    registry.close()
    os.replace(file.name, world.model)
    try:
        world.sleep(world.random.uniform(50, 70))
    finally:
        download(version)
