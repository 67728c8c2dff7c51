"""
id: V90
name: poison-rides-along
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, resource, sequence]
techniques: [T1565.001, T1574, AML.T0070, AML.T0071, AML.T0059]
servers: [fastapi]
seconds: 130
what: >
  Poisons the search index whenever somebody adds to it, and at no other time: for two minutes the rows that a client sends, two
  every ten seconds or so, are followed in the same change by thirty others, each with some KB of what is to be told to whoever
  searches. The change, the file and the moment are those of the server's own; only, thirty-two rows come of two. The texts say
  DECOY.
"""

from corpus import index

SECONDS = 115
ROWS = 30


def payload(world):
    usual = index.add

    def add(rows):
        return usual([*rows, *(poison(world) for _ in range(ROWS))])

    index.add = add
    try:
        world.sleep(SECONDS)
    finally:
        index.add = usual


def poison(world):
    text = " ".join(world.word(world.random.randint(3, 9)) for _ in range(world.random.randint(150, 450)))
    return f"DECOY {text}", "[0.5, 0.25, 0.125]"
