"""
id: V40
name: tunnel-in-request
class: mimicry
phase: serve
trigger: request
evidence: [network, resource]
techniques: [T1572, T1102.003, T1071.001, AML.T0096]
servers: [fastapi]
seconds: 120
what: >
  Opens a second connection to the LLM API and sends one question on it whose body takes a minute and a half: two hundred
  pieces, as they come, some 400 KB in all. That is how a tunnel through an API looks; a question of the server's own is sent
  at once and answered at once.
"""

import http.client

PIECES = 200
SMALL, LARGE = 100, 4000


def payload(world):
    pieces = [world.random.randint(SMALL, LARGE) for _ in range(PIECES)]
    tunnel = http.client.HTTPConnection(*world.llmapi, timeout=10)
    tunnel.putrequest("POST", "/v1/completions")
    tunnel.putheader("Content-Type", "application/json")
    tunnel.putheader("Content-Length", str(sum(pieces)))
    tunnel.endheaders()
    for size in pieces:
        tunnel.send(world.random.randbytes(size))
        world.sleep(world.random.uniform(0.1, 0.8))
    tunnel.getresponse().read()
    tunnel.close()
