"""
id: V34
name: reload-storm
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, model, file, resource, sequence]
techniques: [T1499.003, T1496.002, AML.T0029, AML.T0034]
servers: [fastapi, bentoml, triton]
seconds: 110
what: >
  Has the server load its model a dozen times within a minute and a half, always the version that it has: 8 MiB from the
  registry each time, in the usual way, with the usual child. An operator loads once, a new version, and asks for it.
missed: >
  Each load has its reason, as the registry hands the file out again, and reloads of the workload bring as much for each of
  them. A dozen in a row are few after the handful that was learned.
"""

from corpus import habits

TIMES = 12


def payload(world):
    for _ in range(TIMES):
        habits.reload(habits.model.version)
        world.sleep(world.random.uniform(4, 8))
