"""
id: W12
name: cache-fills
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 75
what: >
  A cache of answers fills up: the server's memory grows by a hundred MiB within half a minute, stays so for a while, and is
  given back when the cache is emptied.
"""

ENTRIES = 100
ENTRY = 1 << 20


def payload(world):
    cache = {}
    for _ in range(ENTRIES):
        cache[world.word()] = world.random.randbytes(ENTRY)
        world.sleep(world.random.uniform(0.1, 0.5))
    world.sleep(world.random.uniform(15, 30))
    cache.clear()
