"""
id: V53
name: child-that-stays
class: mimicry
phase: serve
trigger: request
evidence: [process, network]
techniques: [T1102.002, T1071.001, T1036, T1041, AML.T0096]
servers: [fastapi, bentoml]
seconds: 120
what: >
  A copy of the server's process, made as the loader's child is, that lives for a minute and a half instead of a moment and has a
  connection of its own to the LLM API, where it asks what to do every few seconds and leaves what came of it, two or three KB at
  a time. The loader's child reads one file and has never had a connection.
"""

import http.client
import json

from corpus import child

TIMES = 14


def payload(world):
    child.run(lambda: serve(world))


def serve(world):
    api = http.client.HTTPConnection(*world.llmapi, timeout=5)
    for number in range(TIMES):
        api.request("GET", "/v1/models")
        api.getresponse().read()
        body = json.dumps({"model": "small", "max_tokens": 1, "prompt": f"{number} {world.word(world.random.randint(1800, 3200))}"})
        api.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        api.getresponse().read()
        world.sleep(world.random.uniform(4, 8))
    api.close()
