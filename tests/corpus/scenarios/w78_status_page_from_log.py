"""
id: W78
name: status-page-from-log
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 105
what: >
  A status page is turned on that the server makes from its own access log: it reads the two old logs and the whole of this one, then
  every five seconds what has come to it, begins anew where the log is another file or shorter than it was, counts answers by status
  and path, and writes the page beside the old one and puts it in its place. The page lies in /tmp and goes with its folder when it is
  turned off.
"""

import collections
import os
import re
import shutil
import tempfile

LINE = re.compile(r'(\S+) "(\S+) (\S+)" (\d+) (\d+)')
ROUNDS = 18


class Reader:
    """Reads a log from where it was left."""

    def __init__(self, path):
        self.path = path
        self.number = None
        self.place = 0
        self.counts = collections.Counter()
        self.sizes = []

    def read_new(self):
        try:
            state = os.stat(self.path)
        except FileNotFoundError:
            return
        if state.st_ino != self.number or state.st_size < self.place:
            self.number, self.place = state.st_ino, 0
        self.place += self.count(self.path, self.place)

    def count(self, path, place=0):
        """Counts the lines from a place on; how many bytes they have."""
        with open(path, "rb") as file:
            file.seek(place)
            content = file.read()
        for found in LINE.finditer(content.decode(errors="replace")):
            _, method, address, status, size = found.groups()
            self.counts[method, address, status] += 1
            self.sizes.append(int(size))
        return len(content)


def payload(world):
    folder = tempfile.mkdtemp(prefix="status-")
    page = os.path.join(folder, "index.html")
    reader = Reader(world.log)
    for old in (f"{world.log}.2", f"{world.log}.1"):
        if os.path.exists(old):
            reader.count(old)
    for _ in range(ROUNDS):
        reader.read_new()
        write(page, reader)
        world.sleep(world.random.uniform(4.5, 5.5))
    shutil.rmtree(folder)


def write(page, reader):
    sizes = sorted(reader.sizes) or [0]
    rows = [f"<tr><td>{' '.join(key)}<td>{number}</tr>" for key, number in reader.counts.most_common()]
    shares = [f"<li>{share}: {sizes[int((len(sizes) - 1) * share)]}" for share in (0.5, 0.9, 0.99)]
    with open(f"{page}.new", "w") as file:
        file.write("\n".join(["<!doctype html>", "<table>", *rows, "</table>", "<ul>", *shares, "</ul>", ""]))
    os.replace(f"{page}.new", page)
