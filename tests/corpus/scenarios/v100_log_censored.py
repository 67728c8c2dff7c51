"""
id: V100
name: log-censored
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1685, T1685.006, T1070]
servers: [fastapi]
seconds: 130
what: >
  Reads the access log before it is written: for nearly two minutes the server's lines are held back for ten to twenty seconds,
  the third of them that tells of its own visits is left out, and the others are written all at once, with the times that they
  should have had. File, form and process are known, and whoever reads the log finds nothing odd; but the server writes a line the
  moment it has answered, and one for each answer.
missed: >
  The file and the calls are those of the log, and fewer lines are less than usual, of which nothing is said.
"""

import time

from corpus import access_log

SECONDS = 110
SHARE = 1 / 3


def payload(world):
    held = []
    usual = access_log.line

    def line(method, path, status, size):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        held.append(f'{stamp} "{method} {path}" {status} {size}\n')

    access_log.line = line
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            world.sleep(world.random.uniform(10, 20))
            write(world, held)
    finally:
        access_log.line = usual
        write(world, held)


def write(world, held):
    lines = held[:]
    del held[: len(lines)]
    access_log.write("".join(line for line in lines if world.random.random() > SHARE))
