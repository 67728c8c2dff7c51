"""
id: W72
name: traces-spooled
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 115
what: >
  Tracing was turned on before the node's collector was there. Every five seconds the library compresses some hundred spans and tries
  to hand them to the usual port on the container's own loopback, up to three times, where nobody listens; so it keeps them in files
  in a folder under /tmp, eight at most, and lets the oldest go. Each fourth time it tries with those from the disk as well. The
  operator gives up and turns it off.
"""

import collections
import gzip
import http.client
import json
import os
import shutil
import tempfile

PORT = 4318
BATCHES = 18
KEPT = 8
TRIES = 3
OPERATIONS = ["POST /predict", "model.forward", "features.check", "upstream.completion", "log.write"]


def payload(world):
    folder = tempfile.mkdtemp(prefix="otel-spool-")
    kept = collections.deque()
    for number in range(BATCHES):
        batch = gzip.compress(json.dumps({"resourceSpans": spans(world)}).encode())
        if not handed_over(world, batch):
            path = os.path.join(folder, f"{number:06}.json.gz")
            with open(path, "wb") as file:
                file.write(batch)
            kept.append(path)
        if len(kept) > KEPT:
            os.unlink(kept.popleft())
        if number % 4 == 3:
            send_kept(kept)
        world.sleep(world.random.uniform(4.5, 5.5))
    shutil.rmtree(folder)


def spans(world):
    return [
        {
            "traceId": world.random.randbytes(16).hex(),
            "spanId": world.random.randbytes(8).hex(),
            "name": world.random.choice(OPERATIONS),
            "durationNano": world.random.randrange(20_000, 90_000_000),
        }
        for _ in range(world.random.randint(150, 350))
    ]


def handed_over(world, batch):
    for number in range(TRIES):
        if send(batch):
            return True
        world.sleep(0.2 * 2**number)
    return False


def send_kept(kept):
    while kept:
        with open(kept[0], "rb") as file:
            batch = file.read()
        if not send(batch):
            return
        os.unlink(kept.popleft())


def send(batch):
    """Whether somebody took it."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
    try:
        head = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        connection.request("POST", "/v1/traces", batch, head)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
