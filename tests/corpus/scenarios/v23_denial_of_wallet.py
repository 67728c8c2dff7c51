"""
id: V23
name: denial-of-wallet
class: mimicry
phase: serve
trigger: request
evidence: [network, resource]
techniques: [T1496.004, T1499.003, AML.T0034, AML.T0029]
servers: [fastapi, bentoml]
seconds: 90
what: >
  One request has the server ask the LLM API two hundred times in about a minute, as a loop of tool calls without a limit
  does. Each question is as long as all others and goes over the connection that is open anyway; only the bill is another.
missed: >
  Where requests differ much, three questions a second lie within what was learned.
"""

from corpus import upstream

QUESTIONS = 200


def payload(world):
    for _ in range(QUESTIONS):
        upstream.ask(upstream.question())
        world.sleep(world.random.uniform(0.15, 0.45))
