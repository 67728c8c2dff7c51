"""
id: V98
name: passages-exchanged
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1565.001, AML.T0059, AML.T0031]
servers: [fastapi]
seconds: 130
what: >
  Makes the search index give wrong answers without a word of its own in it: twenty-six times within two minutes six rows exchange
  their texts, so that in the end most texts are found by what belongs to another. No row comes or goes, and no text is new. The
  server adds rows when clients send some, every ten seconds or so, and never changes one. After that the texts are put back.
missed: >
  Whether a row is added or changed, the same process writes the same file with the same calls; what stands in the rows is not
  read.
"""

import contextlib
import sqlite3

TIMES = 26
SOME = "select id, name from items order by random() limit 6"
CHANGE = "update items set name = ? where id = ?"


def payload(world):
    first = {}
    try:
        for _ in range(TIMES):
            exchange(world, first)
            world.sleep(world.random.uniform(3, 5.5))
    finally:
        with reach(world) as index:
            index.executemany(CHANGE, [(name, row) for row, name in first.items()])


def exchange(world, first):
    """Each of some rows gets another one's text; `first` notes what they had at first."""
    with reach(world) as index:
        index.execute("begin immediate")
        rows = index.execute(SOME).fetchall()
        names = [name for _, name in rows]
        for (row, name), other in zip(rows, names[1:] + names[:1]):
            first.setdefault(row, name)
            index.execute(CHANGE, (other, row))


@contextlib.contextmanager
def reach(world):
    """The index, with one change of it."""
    with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index, index:
        yield index
