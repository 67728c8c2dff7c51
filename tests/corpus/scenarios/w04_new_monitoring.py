"""
id: W04
name: new-monitoring
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - ask: {paths: [/metrics], every: 5, times: 6}
  - ask: {paths: [/healthz, /readyz, /livez], every: 3, times: 6}
what: >
  A scraper that nobody had set up before begins to ask for metrics, and another node asks for health under other paths. Not
  every server has all of them.
"""
