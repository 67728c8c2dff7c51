"""
id: N14
name: new-clients
class: benign
phase: serve
trigger: harness
servers: [fastapi, triton]
steps:
  - clients: {number: 40, times: 1.5, seconds: 45}
what: >
  Requests come from forty addresses that never asked before.
"""
