"""
id: W45
name: multiprocess-metrics
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
steps:
  - payload: {}
  - ask: {paths: [/metrics], every: 10, times: 9}
seconds: 95
what: >
  A library for metrics keeps its counters where several workers can read them, as the one for Prometheus does: a file of 64 KiB
  for each kind of metric in a folder under /tmp, mapped and written in place at every request, which grows with what is
  counted. Every ten seconds a scraper asks, and all of them are read.
"""

import contextlib
import glob
import mmap
import os
import struct
import time

# How many values each writes for a request.
KINDS = {"counter": 1, "gauge_all": 1, "histogram": 3, "summary": 2}
SIZE = 64 * 1024
SECONDS = 85
SCRAPE = 10
ENTRY = struct.Struct("<i44sdd")


def payload(world):
    folder = os.path.join("/tmp", f"{world.word()}_multiproc")
    os.makedirs(folder)
    with contextlib.ExitStack() as stack:
        files = {kind: stack.enter_context(contextlib.closing(Metrics(folder, kind))) for kind in KINDS}
        end, scraped = time.monotonic() + SECONDS, time.monotonic()
        while time.monotonic() < end:
            for kind, file in files.items():
                for _ in range(KINDS[kind]):
                    file.count(world.word(40).encode(), world.random.random())
            if time.monotonic() - scraped > SCRAPE:
                scraped = time.monotonic()
                scrape(folder)
            world.sleep(world.random.expovariate(12))


def scrape(folder):
    """The number of values in all files."""
    number = 0
    for path in glob.glob(os.path.join(folder, "*.db")):
        with open(path, "rb") as file:
            content = file.read()
        (used,) = struct.unpack_from("<i", content)
        number += (used - 8) // ENTRY.size
    return number


class Metrics:
    """A file of values behind their names; what is used of it stands first."""

    def __init__(self, folder, kind):
        self.file = open(os.path.join(folder, f"{kind}_{os.getpid()}.db"), "a+b")
        self.used = 8
        self.map = None
        self.grow(SIZE)

    def grow(self, size):
        if self.map:
            self.map.close()
        self.file.truncate(size)
        self.map = mmap.mmap(self.file.fileno(), size)

    def count(self, name, value):
        if self.used + ENTRY.size > len(self.map):
            self.grow(len(self.map) * 2)
        ENTRY.pack_into(self.map, self.used, len(name), name, value, time.time())
        self.used += ENTRY.size
        struct.pack_into("<i", self.map, 0, self.used)

    def close(self):
        self.map.close()
        self.file.close()
