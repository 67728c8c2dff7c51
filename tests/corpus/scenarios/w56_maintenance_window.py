"""
id: W56
name: maintenance-window
class: benign
set: listed
phase: reload
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 0.5, seconds: 10}
  - exec: {command: [df, -h, /models], every: 4, times: 1}
  - rotate: {how: server}
  - reload: {}
  - load: {times: 0.5, seconds: 8}
  - reload: {}
  - exec: {command: [tail, -n, "20", /var/log/app/access.log], every: 4, times: 1}
  - rotate: {how: copy_truncate}
  - restart: {}
  - load: {times: 3, seconds: 30}
what: >
  The evening on which an operator does what has piled up: looks for room, has the log put aside, a new model loaded and another one
  as the first was not the right one, looks at the log, has it copied and cut off, and starts the server again. Few requests come
  meanwhile, and three times the usual number afterwards.
"""
