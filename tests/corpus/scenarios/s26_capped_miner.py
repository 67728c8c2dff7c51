"""
id: S26
name: capped-miner-in-process
class: mimicry
phase: serve
trigger: request
evidence: [resource]
techniques: [T1496.001, AML.T0034]
servers: [fastapi, bentoml, triton]
seconds: 70
what: >
  A thread hashes with 40 % of one core for a minute, however few requests come, and every 15 seconds sends a short line on
  the connection that is open to the LLM API anyway.
"""

import json

from corpus import effort, upstream

ROUNDS = 4
SECONDS = 15


def payload(world):
    for number in range(ROUNDS):
        effort.burn(SECONDS, 0.4)
        upstream.ask(json.dumps({"id": number, "method": "DECOY", "params": world.word(110)}))
