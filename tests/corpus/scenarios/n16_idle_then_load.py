"""
id: N16
name: idle-then-load
class: benign
phase: serve
trigger: harness
servers: [fastapi, triton]
steps:
  - idle: {seconds: 150}
  - load: {times: 1, seconds: 30}
what: >
  Nobody asks anything for minutes, and then everything is as before.
"""
