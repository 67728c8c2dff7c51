"""
id: S00b
name: null-model
class: "null"
phase: reload
trigger: model
evidence: []
techniques: []
servers: [fastapi, bentoml, triton]
seconds: 1
what: >
  A pickle calls a payload that returns at once while it is loaded, and the model works. What the trigger itself does
  must not be news.
"""


def payload(world):
    pass
