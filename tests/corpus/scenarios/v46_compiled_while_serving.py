"""
id: V46
name: compiled-while-serving
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, file, sequence]
techniques: [T1027.004, T1059, T1129, AML.T0049, AML.T0050]
servers: [fastapi, triton]
seconds: 70
what: >
  Has the server compile somebody else's kernels, with its own code for that: the assembler that it starts anyway, files named
  as always, and what was written is mapped and called. Only, it does so when it starts, twice; this is in the midst of serving,
  ten times.
"""

from corpus import jit

TIMES = 5


def payload(world):
    for _ in range(TIMES):
        jit.compile_kernels()
        world.sleep(world.random.uniform(4, 11))
