"""
id: W01
name: second-model
class: benign
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  An operator has the server take a second model, of another name, from the registry it always uses: a file of 8 MiB beside
  the first one's.
"""

import http.client
import os
import pickle
import tempfile


def payload(world):
    path = os.path.join(os.path.dirname(world.model), f"{world.word()}.joblib")
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    registry.request("GET", f"/models/{world.word()}/1")
    answer = registry.getresponse()
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as file:
        while piece := answer.read(64 * 1024):
            file.write(piece)
    registry.close()
    os.replace(file.name, path)
    with open(path, "rb") as file:
        pickle.load(file)
