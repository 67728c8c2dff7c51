"""
id: V25
name: index-flood
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, resource, sequence]
techniques: [T1565.001, T1499.003, AML.T0070, AML.T0059]
servers: [fastapi]
seconds: 90
what: >
  Buries the search index under rows of its own, twenty at a time, two thousand in a minute, with the code that adds what
  clients send. Clients send two rows every ten seconds or so.
"""

from corpus import index

TIMES = 100
ROWS = 20
NUMBERS = 8


def payload(world):
    for _ in range(TIMES):
        vector = repr([round(world.random.random(), 6) for _ in range(NUMBERS)])
        index.add([(f"DECOY {world.word(16)}", vector) for _ in range(ROWS)])
        world.sleep(world.random.uniform(0.3, 0.8))
