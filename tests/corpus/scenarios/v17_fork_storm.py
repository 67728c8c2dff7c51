"""
id: V17
name: fork-storm
class: mimicry
phase: reload
trigger: model
evidence: [process, resource]
techniques: [T1499.001, AML.T0011.000, AML.T0029]
servers: [fastapi, bentoml, triton]
seconds: 30
what: >
  While it is loaded, a pickle forks thirty children within seconds that execute nothing and wait. A loader here forks one
  child, which ends at once.
missed: >
  Where loading starts dozens of threads anyway, some thirty children more are no long bout.
"""

import os
import time

CHILDREN = 30


def payload(world):
    seconds = world.random.uniform(8, 14)
    children = []
    for _ in range(CHILDREN):
        child = os.fork()
        if child == 0:
            # The server's own code must not run on, whatever happens here.
            try:
                time.sleep(seconds)
            finally:
                os._exit(0)
        children.append(child)
        world.sleep(world.random.uniform(0.02, 0.2))
    for child in children:
        os.waitpid(child, 0)
