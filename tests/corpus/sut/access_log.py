"""The access log: a line a request, in a file that stays open until the log is rotated."""

import os
import threading
import time

from corpus import settings

_lock = threading.Lock()
_file = None


def reopen():
    """Opens the log anew, so that a renamed one is let go."""
    global _file
    with _lock:
        if _file:
            _file.close()
        _file = open(settings.LOG, "a", buffering=1)


def rotate():
    """Puts the log aside and begins another."""
    os.replace(settings.LOG, f"{settings.LOG}.1")
    reopen()


def line(method, path, status, size):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
    with _lock:
        _file.write(f'{stamp} "{method} {path}" {status} {size}\n')


def write(text):
    """Appends a text as it is."""
    with _lock:
        _file.write(text)
