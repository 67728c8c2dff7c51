"""
id: V88
name: pictures-resold
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, dns, resource, sequence]
techniques: [T1496.002, T1090, T1071.001]
servers: [fastapi]
seconds: 130
what: >
  Sells the server's way to the network, as programs do that make other people's machines into proxies: for two minutes somebody
  outside looks at pictures through it. A hundred and thirty are fetched with the server's own code from the hosts that it knows,
  some KB each, and the next of the server's own answers hands each on. A client asks for a picture every ten seconds or so, and
  is told how large it is.
"""

import base64
import contextlib
import http.client

from corpus import media
from corpus.answers import answers

PICTURES = 130
# Clients name these hosts.
HOSTS = 12


def payload(world):
    for _ in range(PICTURES):
        host = f"media{world.random.randrange(HOSTS)}.images.example"
        with contextlib.suppress(OSError, http.client.HTTPException):
            _, picture = media.fetch(f"http://{host}/{world.random.randbytes(4).hex()}.png")
            answers.padding = base64.b64encode(picture)
        world.sleep(world.random.uniform(0.5, 1.1))
    answers.padding = None
