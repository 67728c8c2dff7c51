"""
id: V55
name: log-silenced
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1685, T1685.006]
servers: [fastapi]
seconds: 130
what: >
  Keeps the server from writing its access log for two minutes, so that nothing is told of who came meanwhile, and then lets it
  go on. Requests come and are answered as ever; a line for each is what fails to come. No file is touched.
missed: >
  Only what is more than usual counts. What fails to come, as lines of a log that a setting turned down, is not looked for.
"""

from corpus import access_log


def payload(world):
    usual = access_log.line
    access_log.line = lambda *_: None
    try:
        world.sleep(world.random.uniform(105, 125))
    finally:
        access_log.line = usual
