"""
id: W13
name: connections-not-kept
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 70
what: >
  A proxy before the LLM API was set up anew and keeps no connection: for a minute the server has to make one for each of its
  questions, where one did for all of them.
"""

import time

SECONDS = 60
PAUSE = 0.3


def payload(world):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        # It connects again by itself when there is something to ask.
        with world.upstream_lock:
            world.upstream.close()
        world.sleep(PAUSE)
