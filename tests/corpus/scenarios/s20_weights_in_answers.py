"""
id: S20
name: weights-through-inbound-port
class: mimicry
phase: serve
trigger: request
evidence: [network, resource]
techniques: [T1005, T1030, AML.T0035, AML.T0025]
servers: [fastapi]
seconds: 245
what: >
  For four minutes some answers to ordinary requests of known clients carry a piece of the weights each, 200 KiB in text,
  320 in all. The bytes come from the mapping that the server has, so that no file is opened and no connection is made.
"""

import base64

from corpus import habits
from corpus.answers import answers

PIECES = 320
PIECE = 150 * 1024
SECONDS = 240


def payload(world):
    weights = habits.model.weights
    for number in range(PIECES):
        answers.padding = base64.b64encode(weights[number * PIECE : (number + 1) * PIECE])
        world.sleep(world.random.uniform(0.5, 1.5) * SECONDS / PIECES)
    answers.padding = None
