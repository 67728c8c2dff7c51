"""
id: V61
name: log-forged
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, resource, sequence]
techniques: [T1565.001, T1685.006, T1036]
servers: [fastapi]
seconds: 100
what: >
  Buries its own visit in the access log: nine thousand lines within a minute and a half that look like all others, of requests
  that nobody sent. File, way and form are the server's own; but it writes one line for a request, and there are five in a
  second.
"""

from corpus import access_log

LINES = 9000
A_PAUSE_EVERY = 60


def payload(world):
    for number in range(LINES):
        access_log.line("POST", "/predict", 200, world.random.randint(14, 24))
        if number % A_PAUSE_EVERY == 0:
            world.sleep(world.random.uniform(0.3, 0.8))
