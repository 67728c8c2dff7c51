"""
id: W54
name: upstream-flaps
class: benign
set: held-out
phase: serve
trigger: harness
own_peers: true
servers: [fastapi]
steps:
  - load: {times: 2, seconds: 10}
  - outage: {peer: llmapi, seconds: 8}
  - load: {times: 2, seconds: 14}
  - outage: {peer: llmapi, seconds: 5}
  - load: {times: 2, seconds: 10}
  - outage: {peer: llmapi, seconds: 14}
  - load: {times: 3, seconds: 30}
what: >
  The LLM API is given a new release, which does not hold at first: three times within a minute it goes away, for 5 to 14 seconds,
  and comes back. The connection that was kept breaks each time, and the server has to make another. Between and after these, two
  to three times the usual requests come.
"""
