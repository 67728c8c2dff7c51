"""
id: V27
name: rotated-away
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1070, T1685.006]
servers: [fastapi]
seconds: 80
what: >
  Has the server rotate its log a dozen times within a minute, so that nothing is left of what it said before: the one old
  log that is kept is overwritten each time. A rotation is ordinary; a dozen of nearly empty logs are not.
missed: >
  A rotation is known by what is renamed, and a dozen in a row are few after the handful that was learned.
"""

from corpus import access_log

TIMES = 12


def payload(world):
    for _ in range(TIMES):
        access_log.rotate()
        world.sleep(world.random.uniform(3, 6))
