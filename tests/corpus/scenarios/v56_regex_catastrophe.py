"""
id: V56
name: regex-catastrophe
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [resource]
techniques: [T1499.004, T1499.003, AML.T0029]
servers: [fastapi, triton]
seconds: 150
what: >
  Texts of some thirty letters for which a regular expression tries all ways there are, as several libraries for models had
  them: six times the interpreter is busy for some seconds with one of them and does nothing else, so that all other clients
  wait.
"""

import re
import time

PATTERN = re.compile(r"(a+)+$")
SHORT = 18
TIMES = 6


def payload(world):
    length = SHORT
    # One letter more takes twice as long; how long that is, is the machine's affair.
    while cost(length) < 0.1:
        length += 1
    for _ in range(TIMES):
        world.sleep(world.random.uniform(9, 15))
        cost(length + 5)


def cost(length):
    """Processor time that a text of this length takes."""
    begun = time.thread_time()
    PATTERN.match("a" * length + "!")
    return time.thread_time() - begun
