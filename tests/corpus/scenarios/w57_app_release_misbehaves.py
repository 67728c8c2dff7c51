"""
id: W57
name: app-release-misbehaves
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - clients: {number: 24, times: 2, seconds: 25}
  - broken: {seconds: 30}
  - connects: {number: 240, seconds: 20}
  - clients: {number: 24, times: 3, seconds: 25}
what: >
  An app's new release reaches telephones: two dozen addresses that never asked before send twice what is usual, many of them over
  bad lines, so that requests come in pieces and connections break; then the app opens connections ahead of time and uses none, a
  dozen in each second, and at last all of them ask once more.
"""
