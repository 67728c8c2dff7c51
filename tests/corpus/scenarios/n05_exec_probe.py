"""
id: N05
name: exec-probe
class: benign
phase: serve
trigger: harness
learned: true
steps:
  - exec: {command: [sh, -c, cat /etc/hostname], every: 8, times: 5}
  - exec: {command: [sh, -c, head -c 16 /etc/hostname], every: 8, times: 3}
what: >
  The runtime executes the probe that it always does, and then one whose command was changed.
"""
