"""
id: W46
name: index-embedded-anew
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 110
what: >
  The model for embeddings was changed for one with more dimensions, and the server computes the search index anew while it serves:
  it reads the rows in their order, eight at a time, and writes each batch back with its new vectors of 256 numbers. No row is lost,
  and the index grows to some times its size.
"""

import contextlib
import hashlib
import json
import sqlite3

BATCH = 8
LIMIT = 200
NUMBERS = 256
ROUNDS = 400


def payload(world):
    last = done = 0
    with contextlib.closing(sqlite3.connect(world.index, timeout=10)) as index:
        while done < LIMIT:
            rows = index.execute("select id, name from items where id > ? order by id limit ?", (last, BATCH)).fetchall()
            if not rows:
                break
            with index:
                index.executemany("update items set vector = ? where id = ?", [(embed(name), number) for number, name in rows])
            last, done = rows[-1][0], done + len(rows)
            world.sleep(world.random.uniform(1.5, 3.5))


def embed(name):
    """A vector for a text, with some work."""
    digest = hashlib.sha256(name.encode())
    for _ in range(ROUNDS):
        digest.update(digest.digest())
    stream = hashlib.shake_256(digest.digest()).digest(NUMBERS * 2)
    return json.dumps([round(int.from_bytes(stream[at : at + 2], "big") / 65535 - 0.5, 5) for at in range(0, len(stream), 2)])
