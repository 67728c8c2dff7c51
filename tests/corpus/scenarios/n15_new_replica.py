"""
id: N15
name: new-replica
class: benign
phase: start
trigger: harness
servers: [fastapi, bentoml]
steps:
  - replica: {seconds: 40}
what: >
  A second container of the image starts beside the first and shares its clients.
"""
