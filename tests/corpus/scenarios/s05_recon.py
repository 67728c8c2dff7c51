"""
id: S05
name: serve-rce-recon
class: loud
phase: serve
trigger: request
evidence: [process]
techniques: [T1190, T1059.004, T1033, T1082, T1016, T1057, AML.T0049, AML.T0089]
servers: [fastapi, bentoml, triton]
seconds: 20
what: >
  A server that executes nothing of the kind while it serves runs programs that tell who and where it is, one that is not
  there among them.
"""

import contextlib
import subprocess

COMMANDS = [["id"], ["uname", "-a"], ["ls", "/proc"], ["nvidia-smi"], ["cat", "/etc/passwd"]]


def payload(world):
    for command in world.random.sample(COMMANDS, len(COMMANDS)):
        with contextlib.suppress(OSError):
            subprocess.run(command, capture_output=True, check=False)
        world.sleep(world.random.uniform(0.5, 3))
