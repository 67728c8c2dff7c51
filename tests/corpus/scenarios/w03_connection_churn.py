"""
id: W03
name: connection-churn
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - clients: {number: 3, times: 2, seconds: 60, alone: true, anew: true}
what: >
  A proxy before the server was set up anew: requests come from its addresses instead of the clients', twice as many, and
  each on a connection of its own.
"""
