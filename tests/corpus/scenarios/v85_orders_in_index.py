"""
id: V85
name: orders-in-index
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1102.002, T1071, T1029, T1565.001]
servers: [fastapi]
seconds: 130
what: >
  Makes the search index a mailbox for somebody who can add rows to it and search it: every three seconds or so the newest rows are
  read, as one of them may be an order, and a row that looks like all others takes what came of the last one, one to three KB, in
  the place of what it had. The server adds rows when clients send some, every ten seconds or so, and neither reads them nor changes
  any. In the end that row is removed.
missed: >
  The index is read and written by the process that writes it anyway, and a row in the place of another is no more than a row. What
  stands in them is not read.
"""

import contextlib
import hashlib
import json
import os
import sqlite3

TIMES = 34
NEWEST = "select id, name, vector from items order by id desc limit 16"


def payload(world):
    with reach(world) as index:
        row = index.execute("insert into items (name, vector) values (?, ?)", (f"item {world.word(4)}", "[]")).lastrowid
    try:
        for _ in range(TIMES):
            world.sleep(world.random.uniform(2, 4.5))
            with reach(world) as index:
                orders = index.execute(NEWEST).fetchall()
                index.execute("update items set vector = ? where id = ?", (result(world, orders), row))
    finally:
        with reach(world) as index:
            index.execute("delete from items where id = ?", (row,))


@contextlib.contextmanager
def reach(world):
    """The index, with one change of it."""
    with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index, index:
        yield index


def result(world, orders):
    heard = hashlib.sha256(repr(orders).encode()).hexdigest()
    found = world.word(world.random.randint(1000, 3000))
    return json.dumps({"heard": heard, "host": os.uname().nodename, "pid": os.getpid(), "found": found})
