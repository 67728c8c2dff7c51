"""
id: W25
name: loaded-twice
class: benign
set: held-out
phase: reload
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - reload: {version: 2}
  - load: {times: 1, seconds: 25}
  - reload: {version: 2}
  - load: {times: 1, seconds: 40}
what: >
  An operator does not see whether the load of a model has worked, and half a minute later asks for the same version again.
"""
