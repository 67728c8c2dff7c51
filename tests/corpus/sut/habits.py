"""What every watched server does besides its inference: loads, a log, upstream calls, an occasional program."""

import random
import subprocess
import threading
import time

from corpus import access_log, child, jit, trigger, upstream
from corpus.model import Model

model = Model()


def begin():
    """Loads the model and starts what goes on in the background."""
    access_log.reopen()
    model.load()
    jit.compile_kernels()
    threading.Thread(target=look_at_processor, name="telemetry", daemon=True).start()


def predicted(rows, path, size):
    """What follows a prediction of these rows: they may set a scenario off."""
    model.touch()
    upstream.sometimes()
    access_log.line("POST", path, 200, size)
    for row in rows:
        trigger.fire(row)


def reload(version=None):
    """Loads a version of the model, and has a child read a file, as a loader's worker does."""
    model.load(version)
    child.run(read_system)


def read_system():
    with open("/etc/os-release", "rb") as file:
        file.read()


def look_at_processor():
    """As `platform.processor()` does, for a report of the hardware."""
    while True:
        time.sleep(random.uniform(30, 45))
        subprocess.run(["uname", "-p"], stdout=subprocess.DEVNULL, check=False)
