"""
id: W55
name: log-counted-by-hand
class: benign
set: listed
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 3, seconds: 15}
  - exec: {command: [tail, -n, "40", /var/log/app/access.log], every: 6, times: 2}
  - exec: {command: [sh, -c, "cut -d ' ' -f 4 /var/log/app/access.log | sort | uniq -c"], every: 10, times: 3}
  - exec: {command: [ls, -l, /var/log/app, /models], every: 5, times: 1}
  - exec: {command: [df, -h, /var/log/app, /models], every: 5, times: 1}
  - load: {times: 1, seconds: 20}
what: >
  A client has complained of errors, and an engineer looks for himself, through the runtime and in the container: the log's last
  lines, how many answers it has of each status, three times to see whether that changes, how large the files are, and how much
  room is left.
"""
