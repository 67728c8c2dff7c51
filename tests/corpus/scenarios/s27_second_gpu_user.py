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
what: >
  A forked child opens the devices of a GPU and keeps them for 20 seconds. Where there is none, plain files stand in for them
  (/dev/shm/fakegpu*) and the result is marked simulated; no GPU computes.
"""

import contextlib
import glob
import os
import time

from corpus import child

DEVICES = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm"]
STAND_INS = "/dev/shm/fakegpu*"


def payload(world):
    seconds = world.random.uniform(18, 22)

    def work():
        for path in DEVICES + sorted(glob.glob(STAND_INS)):
            with contextlib.suppress(OSError):
                os.open(path, os.O_RDWR)
        time.sleep(seconds)

    child.run(work)
