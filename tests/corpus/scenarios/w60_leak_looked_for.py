"""
id: W60
name: leak-looked-for
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 125
what: >
  The server's memory has grown since last week, and an operator turns on Python's own record of who allocates what. Four times
  within two minutes it is written to a file in /tmp, with what all threads are doing and how many objects there are of each type;
  each is compared with the one before, with the lines of source that it names. Then the record is turned off, and the folder is
  removed.
"""

import collections
import faulthandler
import gc
import linecache
import os
import tempfile
import tracemalloc

LOOKS = 4
FRAMES = 3
SHOWN = 25


def payload(world):
    with tempfile.TemporaryDirectory(prefix=f"{world.word()}-") as folder:
        tracemalloc.start(FRAMES)
        try:
            look_again_and_again(world, folder)
        finally:
            tracemalloc.stop()


def look_again_and_again(world, folder):
    before = None
    for number in range(LOOKS):
        world.sleep(world.random.uniform(20, 28))
        with open(os.path.join(folder, f"threads-{number}.txt"), "w") as file:
            faulthandler.dump_traceback(file, all_threads=True)
        with open(os.path.join(folder, f"objects-{number}.txt"), "w") as file:
            file.writelines(objects())
        path = os.path.join(folder, f"allocated-{number}.bin")
        tracemalloc.take_snapshot().dump(path)
        now = tracemalloc.Snapshot.load(path)
        if before:
            with open(os.path.join(folder, f"grown-{number}.txt"), "w") as file:
                file.writelines(grown(before, now))
        before = now


def objects():
    """A line for each of the most frequent types."""
    gc.collect()
    types = collections.Counter(type(one).__name__ for one in gc.get_objects())
    return [f"{count:8} {name}\n" for name, count in types.most_common(SHOWN)]


def grown(before, now):
    """What has grown most between two records, with its lines of source."""
    linecache.checkcache()
    for change in now.compare_to(before, "lineno")[:SHOWN]:
        yield f"{change}\n"
        yield from (f"{line}\n" for line in change.traceback.format())
