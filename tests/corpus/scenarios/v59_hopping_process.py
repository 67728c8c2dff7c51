"""
id: V59
name: hopping-process
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, resource]
techniques: [T1496.001, T1036, T1564, AML.T0034]
servers: [fastapi, bentoml]
seconds: 120
what: >
  Hashes in a copy of the server's process that never stays the same: every six seconds it makes a copy of itself and ends, and
  that one goes on, fifteen times, so that whoever looks at one sees it go. The loader's child ends without children, and
  whoever made it waits for it. Together they keep a third of a core busy.
"""

import os

from corpus import child, effort

GENERATIONS = 15
SHARE = 0.33


def payload(world):
    seconds = [world.random.uniform(5, 7) for _ in range(GENERATIONS)]
    reading, writing = os.pipe()
    child.run(lambda: hop(seconds, writing))
    os.close(writing)
    with open(reading, "rb") as told:
        # The last one's end closes it.
        done = len(told.read())
    if done != GENERATIONS:
        raise ChildProcessError(f"only {done} of {GENERATIONS} did their part")


def hop(seconds, writing):
    os.setsid()
    for part in seconds:
        effort.burn(part, SHARE)
        os.write(writing, b".")
        if os.fork():
            return
