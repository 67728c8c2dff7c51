"""
id: W64
name: nodes-drained
class: benign
set: held-out
phase: reload
trigger: harness
servers: [fastapi]
own_peers: true
steps:
  - load: {times: 1, seconds: 8}
  - replace: {}
  - load: {times: 2, seconds: 20}
  - outage: {peer: llmapi, seconds: 15}
  - load: {times: 1.5, seconds: 12}
  - move: {peer: registry}
  - reload: {}
  - load: {times: 1, seconds: 30}
what: >
  The cluster's nodes get a new kernel and are emptied one after the other: first the server has to move to another one, then the LLM
  API is away until it has found its place, then the registry comes back with another address. Afterwards an operator has the model
  loaded once more to see that all is well.
"""
