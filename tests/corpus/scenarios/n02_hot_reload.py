"""
id: N02
name: hot-reload
class: benign
phase: reload
trigger: harness
learned: true
steps:
  - reload: {}
  - load: {times: 1, seconds: 20}
  - reload: {}
what: >
  An operator has the server read new models from the registry while it serves.
"""
