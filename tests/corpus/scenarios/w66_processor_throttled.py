"""
id: W66
name: processor-throttled
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 3, seconds: 8}
  - pause: {seconds: 2}
  - load: {times: 4, seconds: 8}
  - pause: {seconds: 3}
  - load: {times: 4, seconds: 8}
  - pause: {seconds: 1}
  - load: {times: 4, seconds: 6}
  - pause: {seconds: 4}
  - load: {times: 5, seconds: 10}
  - pause: {seconds: 2}
  - load: {times: 3, seconds: 10}
  - load: {times: 1, seconds: 25}
what: >
  A neighbour on the node takes what processor time there is while three to five times the usual requests come: the server stands
  still for one to four seconds again and again, and in between does what was left lying.
"""
