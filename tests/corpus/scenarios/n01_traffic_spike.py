"""
id: N01
name: traffic-spike
class: benign
phase: serve
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - load: {times: 10, seconds: 150}
what: >
  The same clients send ten times their requests for minutes.
"""
