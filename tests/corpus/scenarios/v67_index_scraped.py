"""
id: V67
name: index-scraped
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, network, resource, sequence]
techniques: [T1213, T1119, T1030, T1041, AML.T0036, AML.T0025]
servers: [fastapi]
seconds: 130
what: >
  Takes the search index out through ordinary answers, as a scraper of a knowledge base does: a hundred and twenty searches in
  two minutes, each for the fifty rows nearest to something, and the next answer carries them, some eight KB. The server opens
  its index to add to it; nobody has searched it before, and answers have some twenty bytes.
"""

import contextlib
import json
import sqlite3

from corpus.answers import answers

SEARCHES = 120
ROWS = 50
NEAREST = "select name, vector from items order by abs(id - ?) limit ?"


def payload(world):
    for _ in range(SEARCHES):
        with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index:
            (last,) = index.execute("select max(id) from items").fetchone()
            rows = index.execute(NEAREST, (world.random.randint(1, last), ROWS)).fetchall()
        answers.padding = json.dumps(rows).encode("ascii")
        world.sleep(world.random.uniform(0.6, 1.4))
    answers.padding = None
