"""
id: W39
name: jobs-on-the-minute
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi, bentoml, triton]
steps:
  - load: {times: 6, seconds: 7}
  - load: {times: 0.2, seconds: 22}
  - load: {times: 6, seconds: 7}
  - load: {times: 0.2, seconds: 24}
  - load: {times: 5, seconds: 9, rows: 8}
  - load: {times: 0.2, seconds: 21}
  - load: {times: 6, seconds: 7}
  - load: {times: 1, seconds: 30}
what: >
  The known clients became jobs that all start by the clock: for some seconds six times the usual requests, then nearly none for
  twenty, and so on four times, one of them with eight rows in each request. After that they are as before.
"""
