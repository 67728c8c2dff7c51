"""
id: W42
name: upstream-moves
class: benign
set: held-out
phase: serve
trigger: harness
own_peers: true
servers: [fastapi]
steps:
  - move: {peer: llmapi}
  - load: {times: 1, seconds: 75}
what: >
  The provider of the LLM API puts other machines in, as such do every few days: the connection that was kept breaks, and the
  name has another address from then on.
"""
