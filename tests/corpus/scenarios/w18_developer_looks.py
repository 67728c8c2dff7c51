"""
id: W18
name: developer-looks
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - ask: {paths: [/docs, /openapi.json, /favicon.ico], every: 12, times: 2}
  - ask: {paths: [/, /predict, /healthz, /docs], every: 12, times: 2}
what: >
  A developer opens the server's documentation in a browser, which asks for an icon as well, then tries some paths by hand, from
  addresses that never asked before. The description of the interface is made for the first time; some paths are not there.
"""
