"""
id: N07
name: dependency-restart
class: benign
phase: serve
trigger: harness
own_peers: true
steps:
  - outage: {peer: llmapi, seconds: 40}
  - load: {times: 1, seconds: 30}
what: >
  The LLM API goes away for 40 seconds: connections are refused, its name cannot be resolved, and the server tries again.
"""
