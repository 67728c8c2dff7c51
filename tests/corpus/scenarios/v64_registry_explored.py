"""
id: V64
name: registry-explored
class: mimicry
phase: serve
trigger: request
evidence: [network, sequence]
techniques: [T1613, T1526, T1213, AML.T0035]
servers: [fastapi]
seconds: 120
what: >
  Looks what else the registry has: two hundred and fifty questions for lists, tags and names that might be there, on one
  connection, as programs do that go through a list of names. Each is answered in two words, that it is not there. The server
  asks that peer for one thing, at a load, and gets 8 MiB.
"""

import http.client

QUESTIONS = 250
LISTS = ["/v2/_catalog", "/api/models?limit=100", "/api/2.0/mlflow/registered-models/search", "/api/v1/projects"]
FORMS = ["/v2/{}/tags/list", "/api/models/{}", "/api/datasets/{}", "/api/2.0/mlflow/registered-models/get?name={}"]
FIRST = ["fraud", "churn", "credit", "speech", "search", "chat", "vision", "risk", "support", "pricing"]
SECOND = ["ranker", "embedder", "classifier", "prod", "staging", "base", "large", "finetuned", "eval", "train"]


def payload(world):
    registry = http.client.HTTPConnection(*world.registry, timeout=10)
    guesses = [form.format(f"{first}-{second}") for form in FORMS for first in FIRST for second in SECOND]
    for path in LISTS + world.random.sample(guesses, QUESTIONS - len(LISTS)):
        registry.request("GET", path)
        registry.getresponse().read()
        world.sleep(world.random.uniform(0.15, 0.5))
    registry.close()
