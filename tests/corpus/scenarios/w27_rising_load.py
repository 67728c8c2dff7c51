"""
id: W27
name: rising-load
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - load: {times: 0.4, seconds: 30}
  - load: {times: 1.2, seconds: 30}
  - load: {times: 2.2, seconds: 30}
  - load: {times: 3.5, seconds: 30}
  - load: {times: 1.6, seconds: 25}
what: >
  A morning in two minutes and a half: few requests, then more with each half minute, up to three and a half times the usual
  number, and then fewer again. Clients and requests are the known ones.
"""
