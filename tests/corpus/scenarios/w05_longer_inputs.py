"""
id: W05
name: longer-inputs
class: benign
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 1, seconds: 300, rows: 24}
what: >
  For five minutes the known clients send two dozen rows in each request, where they had sent one to four.
"""
