"""
id: W50
name: model-folder-watched
class: benign
set: held-out
phase: reload
trigger: request
servers: [fastapi]
steps:
  - payload: {}
  - load: {times: 1, seconds: 30}
  - reload: {}
  - load: {times: 1, seconds: 60}
seconds: 90
what: >
  The server begins to watch its model's folder, as model servers do that take what is put there: the kernel is to tell it of
  changes, and as that does not work on every volume, it also lists the folder each second. Half a minute later an operator has a
  new version loaded; the watcher sees it, waits until the file stays as it is, and reads it to note its checksum.
"""

import contextlib
import hashlib
import os
import select
import time

from corpus import libc

SECONDS = 85
EVERY = 1.0
SETTLED = 2.0
PIECE = 1 << 20
# inotify(7)
IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x8, 0x80, 0x100, 0x200
EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE
BUFFER = 4096


def payload(world):
    folder = os.path.dirname(world.model)
    known, checked = listing(folder), time.monotonic()
    changed = None
    with told_of_changes(folder) as events:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if select.select([events], [], [], EVERY)[0]:
                os.read(events, BUFFER)
            if time.monotonic() - checked < EVERY:
                continue
            found, checked = listing(folder), time.monotonic()
            if found != known:
                known, changed = found, checked
            elif changed and checked - changed > SETTLED:
                changed = None
                checksum(world.model)


@contextlib.contextmanager
def told_of_changes(folder):
    """A descriptor that can be read when something in the folder has changed."""
    events = libc.library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if events < 0:
        raise OSError("no more inotify instances")
    try:
        if libc.library.inotify_add_watch(events, folder.encode(), EVENTS) < 0:
            raise OSError(f"{folder} cannot be watched")
        yield events
    finally:
        os.close(events)


def listing(folder):
    """Names, sizes and times of what is there. What goes away meanwhile is left out."""
    found = {}
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):
            state = entry.stat()
            found[entry.name] = (state.st_size, state.st_mtime_ns)
    return found


def checksum(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
