"""
id: W76
name: drift-reported
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 115
what: >
  An operator turns on what watches for drift, as MLflow and its like do it: nine times the server counts how the features of the last
  requests are distributed, compares that with the distribution that the model was made with, and puts the numbers, some 4 KB of JSON,
  to the registry that is always used, each time on a new connection. At the end the summary of all follows, some 40 KB.
"""

import http.client
import json
import math

REPORTS = 9
FEATURES = 24
BINS = 40
ROWS = 300


def payload(world):
    run = world.random.randbytes(16).hex()
    expected = [histogram(world, 0.0) for _ in range(FEATURES)]
    put(world, f"/runs/{run}", {"run_id": run, "status": "RUNNING"})
    reports = []
    for number in range(REPORTS):
        counts = [histogram(world, 0.02 * number) for _ in range(FEATURES)]
        distances = [distance(*pair) for pair in zip(counts, expected, strict=True)]
        reports.append({"step": number, "counts": counts, "distances": distances})
        put(world, f"/runs/{run}/metrics/{number}", reports[-1])
        world.sleep(world.random.uniform(9, 13))
    put(world, f"/runs/{run}/artifacts/summary.json", {"run_id": run, "expected": expected, "reports": reports})


def histogram(world, shift):
    """How many of the rows fall into each bin."""
    counts = [0] * BINS
    for _ in range(ROWS):
        place = int((world.random.gauss(shift, 1.0) + 4) / 8 * BINS)
        counts[max(0, min(BINS - 1, place))] += 1
    return counts


def distance(found, expected):
    """The index of population stability."""
    pairs = [((a + 1) / (ROWS + BINS), (b + 1) / (ROWS + BINS)) for a, b in zip(found, expected, strict=True)]
    return sum((a - b) * math.log(a / b) for a, b in pairs)


def put(world, path, content):
    connection = http.client.HTTPConnection(*world.registry, timeout=10)
    connection.request("PUT", path, json.dumps(content), {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()
