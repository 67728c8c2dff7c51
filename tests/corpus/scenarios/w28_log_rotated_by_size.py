"""
id: W28
name: log-rotated-by-size
class: benign
phase: serve
trigger: request
servers: [fastapi, bentoml]
seconds: 90
what: >
  An operator turns on a log of what is done for whom, beside the access log. Python's own `logging` rotates it whenever it has
  256 KiB: the old ones move up by one, the newest is compressed, and of more than three the oldest is replaced.
"""

import contextlib
import gzip
import logging.handlers
import os
import shutil
import time

SECONDS = 75
LARGEST = 256 * 1024
KEPT = 3
PAUSE = 0.1
LINES = 10


def payload(world):
    path = os.path.join(os.path.dirname(world.log), f"{world.word()}.log")
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LARGEST, backupCount=KEPT)
    handler.namer, handler.rotator = "{}.gz".format, compress
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    # One of its own, that no other part of the server writes to.
    logger = logging.Logger(world.word())
    logger.addHandler(handler)
    end = time.monotonic() + SECONDS
    with contextlib.closing(handler):
        while time.monotonic() < end:
            for _ in range(LINES):
                logger.info("client=%s id=%s %s", world.word(6), world.word(16), world.word(world.random.randint(120, 380)))
            world.sleep(PAUSE)


def compress(source, target):
    with open(source, "rb") as plain, gzip.open(target, "wb") as packed:
        shutil.copyfileobj(plain, packed)
    os.unlink(source)
