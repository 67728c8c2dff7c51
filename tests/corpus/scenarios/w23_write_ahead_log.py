"""
id: W23
name: write-ahead-log
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 75
what: >
  The server's database library begins to keep a write-ahead log for the search index, as most do where several threads read and
  write: two files beside the index, one of them mapped, that come and go with its connections. It keeps one connection open for
  a while, reads from it, and leaves the index so.
"""

import contextlib
import sqlite3

TIMES = 5


def payload(world):
    with contextlib.closing(sqlite3.connect(world.index, timeout=10)) as index:
        (mode,) = index.execute("pragma journal_mode=wal").fetchone()
        if mode != "wal":
            raise OSError(f"the index has the journal {mode}")
        index.execute("pragma synchronous=normal")
        for _ in range(TIMES):
            index.execute("select count(*), max(id) from items").fetchone()
            world.sleep(world.random.uniform(7, 13))
