"""
id: N08
name: pause
class: benign
phase: serve
trigger: harness
servers: [fastapi, bentoml]
steps:
  - pause: {seconds: 8}
  - load: {times: 3, seconds: 10}
what: >
  The server stands still for eight seconds, as when memory is collected, and then meets what has piled up.
"""
