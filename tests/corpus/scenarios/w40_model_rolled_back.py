"""
id: W40
name: model-rolled-back
class: benign
set: held-out
phase: reload
trigger: harness
servers: [fastapi, triton]
steps:
  - reload: {}
  - load: {times: 1, seconds: 35}
  - reload: {version: 1}
  - load: {times: 1, seconds: 40}
what: >
  A new version of the model answers worse than it should, and half a minute after its load the operator goes back to the first one.
"""
