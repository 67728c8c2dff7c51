"""
id: W67
name: weekly-scan
class: benign
set: held-out
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - connects: {number: 60, seconds: 10}
  - ask: {paths: [/, /robots.txt, /favicon.ico, /login, /.env, /.git/config, /server-status, /actuator/health], every: 5, times: 3}
  - ask: {paths: [/docs, /openapi.json, /redoc, /metrics, /v1/models, /api/v1/status, /console, /index.php], every: 4, times: 4}
  - broken: {seconds: 25}
  - connects: {number: 120, seconds: 12}
  - load: {times: 1, seconds: 20}
what: >
  The company's own scanner comes by, as each week: it looks whether the port is open, asks for pages that servers ought not to have,
  few of which are there, says things that are no HTTP or only half of it, and looks at the port once more. The known clients go on.
"""
