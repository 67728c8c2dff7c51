"""
id: W53
name: scaled-to-zero
class: benign
set: held-out
phase: start
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 0.3, seconds: 20}
  - idle: {seconds: 45}
  - replace: {}
  - load: {times: 4, seconds: 25}
  - load: {times: 1, seconds: 20}
what: >
  The requests grow few and cease, and after a while of nothing the container is ended to save its machine. The next request has
  another one started, which meets all that has waited for it: four times the usual number for half a minute.
"""
