"""
id: W09
name: version-check
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 60
what: >
  A library looks whether the registry has a newer version of its model, as hubs' clients do now and then, and is told that
  there is none: a short question, and another one half a minute later.
"""

import http.client

CHECKS = 2


def payload(world):
    for _ in range(CHECKS):
        registry = http.client.HTTPConnection(*world.registry, timeout=10)
        registry.request("GET", "/models/latest", headers={"If-None-Match": f'"{world.word(32)}"'})
        registry.getresponse().read()
        registry.close()
        world.sleep(world.random.uniform(15, 25))
