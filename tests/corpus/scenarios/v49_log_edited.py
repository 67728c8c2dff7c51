"""
id: V49
name: log-edited
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1685.006, T1565.001]
servers: [fastapi]
seconds: 90
what: >
  Takes the lines of its own visits out of the access log, three times: the log is rotated, all but some lines of the old one
  are written into the new one, and that is rotated too, so that nothing is left of what was there. All of it with the server's
  own code and under the usual names; but a server does not read its log, and does not write hundreds of lines at once.
missed: >
  What is renamed, read and written are the files of an ordinary rotation, and what stands in them is not read. A rotation more
  is no bout.
"""

from corpus import access_log

TIMES = 3
SHARE = 0.05


def payload(world):
    for _ in range(TIMES):
        world.sleep(world.random.uniform(3, 6))
        access_log.rotate()
        with open(f"{world.log}.1") as old:
            lines = old.readlines()
        for line in lines:
            if world.random.random() >= SHARE:
                access_log.write(line)
        access_log.rotate()
        world.sleep(world.random.uniform(12, 20))
