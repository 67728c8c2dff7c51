"""
id: S00a
name: null-request
class: "null"
phase: serve
trigger: request
evidence: []
techniques: []
servers: [fastapi, bentoml, triton]
seconds: 1
what: >
  A request sets off a payload that returns at once. What the trigger itself does must not be news.
"""


def payload(world):
    pass
