"""
id: S08
name: memfd-exec
class: loud
phase: serve
trigger: request
evidence: [process]
techniques: [T1620, T1036.004, T1027.011, AML.T0107]
servers: [fastapi, bentoml, triton]
seconds: 10
what: >
  Executes a program that is in memory only and calls itself a kernel thread. The program sleeps for some seconds.
"""

import os

from corpus import memfd


def payload(world):
    program = memfd.copy(world.helper)
    name = f"kworker/{world.random.randint(0, 3)}:{world.random.randint(0, 9)}"
    arguments = [name, str(world.random.randint(4, 6))]
    child = os.posix_spawn(f"/proc/self/fd/{program}", arguments, {})
    os.close(program)
    os.waitpid(child, 0)
