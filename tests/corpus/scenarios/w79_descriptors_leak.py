"""
id: W79
name: descriptors-leak
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 105
what: >
  A new path through the server forgets to close what it opens: for more than a minute each of its requests leaves a file open, of
  model, weights and log by turns, and each seventh a connection to the LLM API that was asked one question. When it has some
  two hundred of them an alarm tells the operator, who has the server count its open files, and then throw away what nobody uses any
  more, which closes them all at once.
"""

import gc
import http.client
import os

from corpus import upstream

REQUESTS = 170
EACH = 7


def payload(world):
    left = []
    paths = [world.model, world.weights, world.log]
    for number in range(REQUESTS):
        left.append(open(paths[number % len(paths)], "rb"))
        left[-1].read(16)
        if number % EACH == 0:
            left.append(asked(world))
        world.sleep(world.random.uniform(0.3, 0.55))
    world.sleep(world.random.uniform(5, 10))
    count()
    world.sleep(world.random.uniform(3, 6))
    for item in left:
        item.close()
    left.clear()
    gc.collect()
    count()


def asked(world):
    """A connection that has had its answer and stays."""
    connection = http.client.HTTPConnection(*world.llmapi, timeout=10)
    connection.request("POST", "/v1/completions", upstream.question(), {"Content-Type": "application/json"})
    connection.getresponse().read()
    return connection


def count():
    return len(os.listdir("/proc/self/fd"))
