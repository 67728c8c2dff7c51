"""
id: W15
name: index-maintenance
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 45
what: >
  The server tends its search index, as it does once a day: it checks it, counts anew what the planner of queries wants to know,
  and has the file written in order. All rows stay.
"""

import contextlib
import sqlite3

STEPS = ["pragma integrity_check", "analyze", "vacuum", "pragma optimize"]


def payload(world):
    for step in STEPS:
        with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index:
            index.execute(step).fetchall()
        world.sleep(world.random.uniform(3, 9))
