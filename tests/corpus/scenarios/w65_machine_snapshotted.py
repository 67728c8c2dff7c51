"""
id: W65
name: machine-snapshotted
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - load: {times: 1, seconds: 8}
  - pause: {seconds: 6}
  - clock: {seconds: -6}
  - load: {times: 2.5, seconds: 15}
  - clock: {seconds: 0}
  - load: {times: 1, seconds: 15}
  - pause: {seconds: 4}
  - clock: {seconds: -10}
  - load: {times: 2, seconds: 12}
  - clock: {seconds: 0}
  - load: {times: 1, seconds: 20}
what: >
  The virtual machine is frozen for some seconds while its disks are copied, and then moved to another host. Its clock is behind by as
  much until the time service sets it right, and each time the server meets what has piled up.
"""
