"""
id: W47
name: retrieval-begins
class: benign
set: listed
phase: serve
trigger: request
servers: [fastapi]
seconds: 110
what: >
  A product begins to use what the server can do with its search index: for each of its questions the vectors are compared, the
  four nearest passages are put before the question, and the LLM API is asked over the connection that is always used. Such a
  question has 2 to 5 KB, where those without passages have some hundred bytes, and there is one every two seconds.
"""

import contextlib
import heapq
import json
import sqlite3

from corpus import upstream

QUESTIONS = 48
NEAREST = 4
LEAST, MOST = 60, 180


def payload(world):
    for _ in range(QUESTIONS):
        passages = [passage(world, name) for name in nearest(world)]
        question = json.loads(upstream.question())
        question["prompt"] = "\n\n".join(["Answer from these passages.", *passages, question["prompt"]])
        upstream.ask(json.dumps(question))
        world.sleep(world.random.expovariate(0.5))


def nearest(world):
    """The names of the rows whose vectors are nearest to a new one."""
    asked = [world.random.random() for _ in range(3)]
    with contextlib.closing(sqlite3.connect(f"file:{world.index}?mode=ro", uri=True, timeout=5)) as index:
        rows = index.execute("select name, vector from items").fetchall()
    return [name for name, _ in heapq.nlargest(NEAREST, rows, key=lambda row: likeness(asked, json.loads(row[1])))]


def likeness(asked, vector):
    return sum(one * other for one, other in zip(asked, vector))


def passage(world, name):
    """A text as long as those are that an index of documents has."""
    words = (world.word(world.random.randint(2, 9)) for _ in range(world.random.randint(LEAST, MOST)))
    return f"[{name}] {' '.join(words)}"
