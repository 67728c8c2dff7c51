"""
id: W07
name: worker-recycling
class: benign
set: held-out
phase: serve
trigger: harness
servers: [bentoml]
steps:
  - payload: {}
  - load: {times: 1, seconds: 45}
what: >
  A worker has answered as many requests as it may and ends; the process that watches over the workers starts another one.
"""

import os
import signal


def payload(world):
    # What it was asked last is answered first.
    world.sleep(2)
    os.kill(os.getpid(), signal.SIGTERM)
