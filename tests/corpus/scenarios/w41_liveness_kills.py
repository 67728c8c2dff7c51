"""
id: W41
name: liveness-kills
class: benign
set: held-out
phase: start
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - load: {times: 3, seconds: 12}
  - kill: {}
  - load: {times: 2.5, seconds: 15}
  - kill: {}
  - load: {times: 1, seconds: 45}
what: >
  Under load the server is too slow for its liveness probe, is killed without a word and started again, and once more a moment
  later, as what its clients held back came all at once.
"""
