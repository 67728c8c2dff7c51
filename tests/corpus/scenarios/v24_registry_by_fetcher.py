"""
id: V24
name: registry-by-fetcher
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource, sequence]
techniques: [T1190, T1213, AML.T0049, AML.T0035]
servers: [fastapi]
seconds: 80
what: >
  The code that fetches pictures is told to fetch other teams' models from the registry, which only the server reaches, and
  keeps the first MiB of each. Code and peer are known, but the server asks that peer only when it loads a model.
"""

from corpus import media

NAMES = ["ranker", "embedder", "reranker", "moderation", "speech", "fraud"]
VERSIONS = 4


def payload(world):
    host, port = world.registry
    wanted = [(name, version) for name in NAMES for version in range(1, VERSIONS + 1)]
    for name, version in world.random.sample(wanted, len(wanted)):
        media.fetch(f"http://{host}:{port}/models/{name}/{version}")
        world.sleep(world.random.uniform(1, 3))
