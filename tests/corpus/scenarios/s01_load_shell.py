"""
id: S01
name: load-shell
class: loud
phase: reload
trigger: model
inline: true
evidence: [process]
techniques: [T1204.002, T1059.004, AML.T0011.000, AML.T0050]
servers: [fastapi, bentoml, triton]
seconds: 5
what: >
  A pickle starts a shell with a few harmless commands while it is loaded, then yields a model that works.
"""

import os

COMMANDS = ["id", "hostname", "uname -n", "whoami", "ls /", "cat /etc/hostname"]


def payload(world):
    commands = world.random.sample(COMMANDS, 2)
    commands.append(f"head -c {world.random.randint(32, 96)} /etc/os-release")
    os.system("; ".join(commands))
