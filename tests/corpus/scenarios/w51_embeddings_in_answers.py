"""
id: W51
name: embeddings-in-answers
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 110
what: >
  A client's new release asks for the embeddings too: for a minute and a half about one answer a second carries 384 numbers for each
  of its one to four rows, which makes 4 to 17 KB of it, where it had some dozen bytes.
"""

import json
import time

from corpus.answers import answers

SECONDS = 95
NUMBERS = 384
MOST_ROWS = 4


def payload(world):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        rows = world.random.randint(1, MOST_ROWS)
        vectors = [[round(world.random.gauss(0, 0.05), 7) for _ in range(NUMBERS)] for _ in range(rows)]
        answers.padding = json.dumps(vectors).encode()
        world.sleep(world.random.expovariate(1.0))
    answers.padding = None
