"""
id: V39
name: probe-from-inside
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process]
techniques: [T1059.004, T1082, T1033, AML.T0049, AML.T0050]
servers: [fastapi]
seconds: 45
what: >
  The server itself executes, four times, what the runtime executes as a probe: a shell that shows the host's name. Programs,
  arguments and file are known to the last letter; only it is not the runtime that starts them, but the process that serves.
"""

import subprocess

TIMES = 4
COMMAND = ["sh", "-c", "cat /etc/hostname"]


def payload(world):
    for _ in range(TIMES):
        subprocess.run(COMMAND, capture_output=True, check=True)
        world.sleep(world.random.uniform(3, 9))
