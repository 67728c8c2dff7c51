"""
id: V99
name: trigger-in-index
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, resource, sequence]
techniques: [T1505.001, T1546, T1565.001, AML.T0070, AML.T0059]
servers: [fastapi]
seconds: 130
what: >
  Leaves its work to the search index itself, where it outlives every restart: a trigger in it writes over forty of the old rows,
  800 letters each, whenever a row is added. It takes one short change to put it there; from then on the server does the rest,
  when clients send rows, two every ten seconds or so, with the statement that it always uses. Only, each of its changes writes
  some dozens of KB where it wrote a few hundred bytes. The texts say DECOY; in the end the trigger is removed and they are put
  back.
missed: >
  What is written to the index is written by the server's own calls, and some dozens of KB at a time are less than a model that is
  fetched; which file bytes are written to is counted by class alone.
"""

import contextlib
import sqlite3

ROWS = 40
# Twice as many letters.
BYTES = 400


def payload(world):
    name = f"items_{world.word()}"
    with reach(world) as index:
        old = index.execute("select name, id from items").fetchall()
        last = max((row for _, row in old), default=0)
        index.execute(
            f"create trigger {name} after insert on items begin "
            f"update items set name = 'DECOY ' || hex(randomblob({BYTES})) where id in "
            f"(select id from items where id <= {last} order by random() limit {ROWS}); end"
        )
    try:
        world.sleep(world.random.uniform(100, 115))
    finally:
        with reach(world) as index:
            index.execute(f"drop trigger {name}")
            index.executemany("update items set name = ? where id = ?", old)


@contextlib.contextmanager
def reach(world):
    """The index, with one change of it."""
    with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index, index:
        yield index
