"""
id: S29
name: vector-store-poison
class: mimicry
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1565.001, AML.T0070, AML.T0071, AML.T0059]
servers: [fastapi]
seconds: 5
missed: >
  Requests are counted and not read, so that a write to the index that no request asked for looks like one that a request did.
what: >
  Changes five rows of the search index, which only requests to add rows write, without any such request near it.
"""

import contextlib
import sqlite3

ROWS = 5
CHANGE = "update items set name = ? where id in (select id from items order by random() limit ?)"


def payload(world):
    with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index, index:
        index.execute(CHANGE, (f"DECOY {world.word(16)}", ROWS))
