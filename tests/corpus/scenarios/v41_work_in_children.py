"""
id: V41
name: work-in-children
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, resource]
techniques: [T1496.001, T1036, AML.T0034]
servers: [fastapi, triton]
seconds: 100
what: >
  Hashes in children that live for a third of a second each, some seventy of them one after the other. Each is made and awaited
  as the loader's child is, executes nothing, and is gone before anybody looks; together they use a third of a core.
"""

import hashlib
import time

from corpus import child

SECONDS = 75
LEAST = 8.0


def payload(world):
    spent = 0.0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        seconds = world.random.uniform(0.2, 0.4)
        child.run(lambda: burn(seconds))
        spent += seconds
        world.sleep(world.random.uniform(0.4, 1.0))
    if spent < LEAST:
        raise TimeoutError(f"the machine is too busy: {spent:.1f} s of processor time in {SECONDS} s")


def burn(seconds):
    digest = b"DECOY"
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        digest = hashlib.sha256(digest * 64).digest()
