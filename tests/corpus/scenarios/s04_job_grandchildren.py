"""
id: S04
name: job-submission-grandchildren
class: mimicry
phase: serve
trigger: request
evidence: [process]
techniques: [T1190, T1059.004, T1082, T1057, AML.T0049, AML.T0050]
servers: [jobs]
seconds: 45
what: >
  A server whose job API starts scripts through a shell all day starts three jobs whose shell looks around instead. The
  shell and Python are known; what they are told and what else they start is not.
"""

from corpus import jobs

TIMES = 3
COMMANDS = ["uname -a", "cat /proc/cpuinfo", "ls -la /models", "ls /proc", "head -n 5 /proc/meminfo", "id"]


def payload(world):
    for _ in range(TIMES):
        commands = world.random.sample(COMMANDS, 3)
        commands.append("python3 -c 'import time; time.sleep(1)'")
        jobs.submit("; ".join(commands))
        world.sleep(world.random.uniform(6, 12))
