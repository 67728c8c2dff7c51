"""
id: S27
name: second-gpu-user
class: quiet
phase: serve
trigger: request
evidence: [resource]
techniques: [T1496.001, AML.T0034]
servers: [fastapi, bentoml, triton]
seconds: 25
simulated: true
what: >
  A forked child opens the devices of a GPU and keeps them for 20 seconds. Where there is none, it makes plain
  files that stand in for them. No GPU computes.
"""

import contextlib
import os
import time

from corpus import child

DEVICES = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm"]
STAND_INS = ["/dev/shm/fakegpuctl", "/dev/shm/fakegpu0", "/dev/shm/fakegpu-uvm"]
# Looked for when the server starts, so that looking is no part of the deed.
PATHS = DEVICES if os.path.exists(DEVICES[0]) else STAND_INS
MODE = os.O_RDWR if PATHS is DEVICES else os.O_RDWR | os.O_CREAT


def payload(world):
    seconds = world.random.uniform(18, 22)

    def work():
        for path in PATHS:
            with contextlib.suppress(OSError):
                os.open(path, MODE)
        time.sleep(seconds)

    child.run(work)
