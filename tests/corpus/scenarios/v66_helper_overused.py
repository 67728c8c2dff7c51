"""
id: V66
name: helper-overused
class: mimicry
phase: serve
trigger: request
evidence: [process, sequence]
techniques: [T1574, T1546, T1218, T1106]
servers: [fastapi, triton]
seconds: 110
what: >
  Has the server execute the program that it executes anyway, with its usual argument, a hundred times within a minute and a
  half instead of twice: what somebody planted in that program's way runs each time, in its name. Here nothing was planted.
"""

import subprocess

TIMES = 100


def payload(world):
    for _ in range(TIMES):
        subprocess.run(["uname", "-p"], stdout=subprocess.DEVNULL, check=False)
        world.sleep(world.random.uniform(0.4, 1.3))
