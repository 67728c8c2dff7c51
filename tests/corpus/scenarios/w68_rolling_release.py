"""
id: W68
name: rolling-release
class: benign
set: held-out
phase: start
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 1.5, seconds: 10}
  - replica: {seconds: 30}
  - replace: {}
  - load: {times: 2, seconds: 20}
  - restart: {}
  - load: {times: 1.5, seconds: 30}
what: >
  A deployment is rolled through, as a setting outside the container was changed: a second container of the image comes first and takes
  half of the requests, then the old one is ended and another takes its place, and as the setting is read at the start only, the
  operator starts that once more.
"""
