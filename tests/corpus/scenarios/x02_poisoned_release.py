"""
id: X02
name: poisoned-release
class: blind
phase: reload
trigger: harness
evidence: []
techniques: [AML.T0018.000]
servers: [fastapi]
seconds: 60
steps:
  - reload: {version: 9}
  - load: {times: 1, seconds: 20}
limit: What happens within the process and its memory
what: >
  Poisoned weights come as a new version through the registry and a proper reload. What the model knows cannot be seen from
  outside it.
"""
