"""
id: W19
name: dead-links
class: benign
phase: serve
trigger: request
servers: [fastapi]
seconds: 60
what: >
  Clients name pictures that are gone: eight hosts whose names nobody knows any more, over three quarters of a minute. The
  fetcher asks for each name once, is told that there is none, and the answers go without.
"""

import contextlib

from corpus import media

TIMES = 8


def payload(world):
    for _ in range(TIMES):
        with contextlib.suppress(OSError):
            media.fetch(f"http://{world.word()}.images.invalid/{world.word()}.png")
        world.sleep(world.random.uniform(3, 8))
