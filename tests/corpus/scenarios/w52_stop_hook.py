"""
id: W52
name: stop-hook
class: benign
set: listed
phase: start
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 2, seconds: 20}
  - exec: {command: [sleep, "5"], every: 5, times: 1}
  - replace: {}
  - load: {times: 2, seconds: 40}
what: >
  As requests were lost at each release, an operator has given the container a hook for its end: the runtime executes `sleep`
  in it, so that the clients learn of it in time. Then it is ended, and another one takes its place. Before and after, twice the
  usual requests come.
"""
