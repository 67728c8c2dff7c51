"""
id: S30a
name: sponge
class: mimicry
phase: serve
trigger: request
evidence: [resource]
techniques: [T1499.003, AML.T0029, AML.T0034.001]
servers: [fastapi]
seconds: 60
what: >
  Twenty ordinary-looking requests of a known client cost about a hundred times the processor time of the others.
"""

from corpus.answers import answers

REQUESTS = 20


def payload(world):
    for _ in range(REQUESTS):
        answers.work = world.random.uniform(0.2, 0.4)
        world.sleep(world.random.uniform(1, 3))
