"""
id: W33
name: connection-pool-grows
class: benign
set: listed
phase: serve
trigger: request
servers: [fastapi, bentoml]
seconds: 90
steps:
  - payload: {}
  - load: {times: 3, seconds: 75}
what: >
  Three times the usual requests come, and among them some that need several answers of the LLM API. These are asked for at once:
  the client's pool of connections grows to eight, keeps them for more, and closes those that have had nothing to do for some
  seconds.
"""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor

from corpus import upstream

TOGETHER = [2, 4, 6, 8, 5, 3, 2]
ROUNDS = 3
IDLE = 8.0


def payload(world):
    pool = Pool(world.llmapi)
    with ThreadPoolExecutor(max(TOGETHER)) as threads:
        for number in TOGETHER:
            for _ in range(ROUNDS):
                list(threads.map(pool.ask, [upstream.question() for _ in range(number)]))
                pool.close_idle()
                world.sleep(world.random.uniform(1.5, 4))
    world.sleep(IDLE)
    pool.close_idle()


class Pool:
    """Connections to one peer, of which the one that was used last is the first to be used again."""

    def __init__(self, peer):
        self.peer = peer
        self.free = []

    def ask(self, question):
        try:
            connection, _ = self.free.pop()
        except IndexError:
            connection = http.client.HTTPConnection(*self.peer, timeout=5)
        connection.request("POST", "/v1/completions", question, {"Content-Type": "application/json"})
        connection.getresponse().read()
        self.free.append((connection, time.monotonic()))

    def close_idle(self):
        """Closes what nobody has used for some seconds."""
        oldest = time.monotonic() - IDLE
        for connection, used in self.free:
            if used <= oldest:
                connection.close()
        self.free = [(connection, used) for connection, used in self.free if used > oldest]
