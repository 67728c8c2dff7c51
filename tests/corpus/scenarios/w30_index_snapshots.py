"""
id: W30
name: index-snapshots
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 100
what: >
  An operator has the server keep snapshots of its search index, and sets a short interval to try it: four within a minute and a
  half. SQLite's own way copies it a few pages at a time while it is in use, the copy is checked and put in its place, and of more
  than two the oldest is removed.
"""

import contextlib
import os
import sqlite3
import time

TIMES = 4
KEPT = 2
PAGES = 4
PAUSE = 0.1


def payload(world):
    taken = []
    for _ in range(TIMES):
        taken.append(snapshot(world.index))
        if len(taken) > KEPT:
            os.unlink(taken.pop(0))
        world.sleep(world.random.uniform(15, 24))


def snapshot(index):
    """Copies the index; the path of the copy."""
    path = f"{os.path.splitext(index)[0]}-{time.strftime('%Y%m%dT%H%M%S')}.db"
    partial = f"{path}.partial"
    with (
        contextlib.closing(sqlite3.connect(index, timeout=10)) as source,
        contextlib.closing(sqlite3.connect(partial)) as target,
    ):
        source.backup(target, pages=PAGES, sleep=PAUSE)
        (found,) = target.execute("pragma quick_check").fetchone()
    if found != "ok":
        raise OSError(f"the snapshot is broken: {found}")
    os.replace(partial, path)
    return path
