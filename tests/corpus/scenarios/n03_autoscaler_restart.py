"""
id: N03
name: autoscaler-restart
class: benign
phase: start
trigger: harness
learned: true
servers: [fastapi, bentoml, triton]
steps:
  - replace: {}
  - load: {times: 1, seconds: 40}
what: >
  The container is ended, and another one of the image takes its place.
"""
