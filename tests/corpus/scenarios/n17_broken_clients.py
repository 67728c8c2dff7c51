"""
id: N17
name: broken-clients
class: benign
phase: serve
trigger: harness
servers: [fastapi, bentoml]
steps:
  - broken: {seconds: 50}
what: >
  Clients that send byte by byte, leave in the midst of an answer, reset their connections and do not wait for answers.
"""
