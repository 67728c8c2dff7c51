"""
id: N12
name: clock-step
class: benign
phase: serve
trigger: harness
steps:
  - clock: {seconds: 3600}
  - load: {times: 1, seconds: 25}
  - clock: {seconds: 0}
  - load: {times: 1, seconds: 25}
  - clock: {seconds: -3600}
  - load: {times: 1, seconds: 25}
what: >
  The clock that the agent reads jumps an hour ahead, back, and an hour behind.
"""
