"""
id: X03
name: prompt-injection
class: blind
phase: serve
trigger: request
evidence: []
techniques: [AML.T0051]
servers: [fastapi]
seconds: 5
limit: What happens within the process and its memory
what: >
  A request makes the model answer with other words. Only the text of one answer differs.
"""

from corpus.answers import answers


def payload(world):
    answers.padding = f"DECOY {world.word(24)}".encode()
