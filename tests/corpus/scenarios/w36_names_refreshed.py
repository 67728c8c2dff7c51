"""
id: W36
name: names-refreshed
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 100
what: >
  A client library keeps the addresses of the hosts that it has met and asks for them again before their five seconds are over, so
  that no request has to wait: registry, LLM API and some hosts of pictures, each for both kinds of addresses. No connection
  follows, as those that there are go on. A host that nobody used is dropped, and another one comes in.
"""

import socket
import time

HOSTS = 12
PICTURES = 3
SECONDS = 85


def payload(world):
    known = [world.registry, world.llmapi]
    hosts = world.random.sample(range(HOSTS), HOSTS)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for name, port in [*known, *((f"media{number}.images.example", 80) for number in hosts[:PICTURES])]:
            socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            world.sleep(world.random.uniform(0, 0.3))
        if world.random.random() < 0.3:
            hosts.append(hosts.pop(0))
        world.sleep(world.random.uniform(3.5, 4.5))
