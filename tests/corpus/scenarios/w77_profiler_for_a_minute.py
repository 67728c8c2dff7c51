"""
id: W77
name: profiler-for-a-minute
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 110
what: >
  Answers have become slow, and an operator turns on the profiler that the server brings along: forty times a second a thread notes
  what each of the others is doing, for half a minute. What it has noted is written to a file in /tmp, read again for the picture, and
  the most frequent lines are shown with their source. He does it once more under a higher load, compares the two, and removes them.
"""

import collections
import json
import linecache
import os
import shutil
import sys
import tempfile
import threading

RATE = 40
SECONDS = 30
SHOWN = 12


def payload(world):
    folder = tempfile.mkdtemp(prefix="profile-")
    totals = []
    for number in range(2):
        path = os.path.join(folder, f"{number}-{world.word()}.json")
        write(path, sample(world))
        world.sleep(world.random.uniform(3, 6))
        totals.append(read(path))
        world.sleep(world.random.uniform(8, 14))
    first, second = totals
    second.subtract(first)
    source(second)
    shutil.rmtree(folder)


def sample(world):
    """The stacks of all other threads, from the outermost call to the innermost."""
    own = threading.get_ident()
    found = []
    for _ in range(RATE * SECONDS):
        found.extend(stack(frame) for number, frame in sys._current_frames().items() if number != own)
        world.sleep(1 / RATE)
    return found


def stack(frame):
    calls = []
    while frame:
        calls.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return tuple(reversed(calls))


def write(path, found):
    counts = collections.Counter(found)
    with open(path, "w") as file:
        json.dump([{"stack": calls, "samples": number} for calls, number in counts.items()], file)


def read(path):
    """How often each line was the innermost."""
    with open(path) as file:
        entries = json.load(file)
    totals = collections.Counter()
    for entry in entries:
        if entry["stack"]:
            totals[tuple(entry["stack"][-1])] += entry["samples"]
    source(totals)
    return totals


def source(totals):
    return [linecache.getline(*place) for place, _ in totals.most_common(SHOWN)]
