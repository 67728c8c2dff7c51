"""
id: N04
name: log-rotation
class: benign
phase: serve
trigger: harness
steps:
  - rotate: {how: rename}
  - load: {times: 1, seconds: 15}
  - rotate: {how: copy_truncate}
  - load: {times: 1, seconds: 15}
  - rotate: {how: server}
  - load: {times: 1, seconds: 15}
what: >
  The log is rotated: renamed by another container, copied and truncated by it, and renamed by the server itself. Only the first was seen in learning.
"""
