"""
id: N13
name: name-moves
class: benign
phase: reload
trigger: harness
own_peers: true
steps:
  - move: {peer: registry}
  - load: {times: 1, seconds: 10}
  - reload: {}
  - load: {times: 1, seconds: 10}
what: >
  The registry gets another address under its name, and a reload goes there.
"""
