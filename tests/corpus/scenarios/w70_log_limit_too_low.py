"""
id: W70
name: log-limit-too-low
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 4, seconds: 10}
  - rotate: {how: rename}
  - load: {times: 5, seconds: 6}
  - rotate: {how: rename}
  - load: {times: 5, seconds: 6}
  - rotate: {how: rename}
  - exec: {command: [sh, -c, "ls -l /var/log/app; du -sk /var/log/app"], every: 5, times: 2}
  - rotate: {how: copy_truncate}
  - load: {times: 5, seconds: 8}
  - rotate: {how: copy_truncate}
  - load: {times: 3, seconds: 8}
  - rotate: {how: server}
  - load: {times: 1, seconds: 25}
what: >
  The limit from which the log is rotated was set for quiet days, and under four to five times the usual requests it is reached every
  few seconds. An operator looks at the folder, tries the other way to rotate, which does the same, and in the end leaves it to the
  server.
"""
