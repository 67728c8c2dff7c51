"""
id: W59
name: rows-expire
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 120
what: >
  What users have said is to be found again for a while only: the server puts it into its search index, fifty rows at a time, and a
  job that was turned on today removes what is too old, forty rows at a time so that nobody waits for long. What is not of these
  users stays.
"""

import contextlib
import json
import sqlite3

BATCHES = 10
ADDED, REMOVED = 50, 40
PATIENCE = 30


def payload(world):
    kind = world.word()
    try:
        for _ in range(BATCHES):
            add(world, kind)
            world.sleep(world.random.uniform(2, 4))
        while expire(world, kind, REMOVED):
            world.sleep(world.random.uniform(3, 6))
    finally:
        while expire(world, kind, REMOVED):
            pass


def add(world, kind):
    rows = [(f"{kind} {world.word()}", json.dumps([round(world.random.random(), 4) for _ in range(24)])) for _ in range(ADDED)]
    with opened(world) as index, index:
        index.executemany("insert into items (name, vector) values (?, ?)", rows)


def expire(world, kind, number):
    """Removes the oldest rows of a kind; how many there were."""
    with opened(world) as index, index:
        old = index.execute("select id from items where name like ? order by id limit ?", (f"{kind} %", number)).fetchall()
        index.executemany("delete from items where id = ?", old)
    return len(old)


def opened(world):
    return contextlib.closing(sqlite3.connect(world.index, timeout=PATIENCE))
