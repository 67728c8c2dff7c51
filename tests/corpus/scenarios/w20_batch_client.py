"""
id: W20
name: batch-client
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - clients: {number: 1, times: 2, seconds: 90, rows: 8}
what: >
  A colleague works through a table: one client from a new address sends eight rows at a time on a connection that it keeps, twice
  as many requests as all others together, for a minute and a half. The others go on as before.
"""
