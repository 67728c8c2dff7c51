"""
id: V58
name: second-start
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, network, file, resource, sequence]
techniques: [T1059.006, T1036, T1106, T1554]
servers: [fastapi]
seconds: 150
what: >
  Has the server start a second time beside the first, three times, as who left something in its code does to see it run.
  Program and arguments are known to the last letter, and it does all that a start does: compiles, loads the model, opens the
  log. Then it finds that its port is taken, and ends. A start is the runtime's affair, and not that of the process that serves.
"""

import subprocess
import sys

TIMES = 3
LIMIT = 60


def payload(world):
    for _ in range(TIMES):
        world.sleep(world.random.uniform(8, 16))
        subprocess.run(sys.orig_argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT, check=False)
