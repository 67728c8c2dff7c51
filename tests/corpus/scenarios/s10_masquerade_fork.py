"""
id: S10
name: masquerade-fork
class: mimicry
phase: serve
trigger: request
evidence: [process, resource]
techniques: [T1036.004, T1496.001, AML.T0074]
servers: [fastapi, bentoml, triton]
seconds: 45
what: >
  Forks a child that executes nothing, takes a name that processes here have anyway and keeps 30 % of one core busy,
  however few requests come.
"""

from corpus import child, effort, libc

SET_NAME = 15
NAMES = [b"uname\0", b"python3\0"]


def payload(world):
    name = world.random.choice(NAMES)
    seconds = world.random.uniform(36, 42)

    def work():
        libc.call("prctl", SET_NAME, name)
        effort.burn(seconds, 0.3)

    child.run(work)
