"""
id: N09
name: jit-at-warm-up
class: benign
phase: load
trigger: harness
learned: true
steps:
  - restart: {}
  - load: {times: 1, seconds: 30}
what: >
  At its start the server executes a compiler and maps the code that this wrote, under names that are new each time.
"""
