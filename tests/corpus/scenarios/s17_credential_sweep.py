"""
id: S17
name: credential-file-sweep
class: quiet
phase: reload
trigger: model
evidence: [file]
techniques: [T1552.001, T1552.004, T1083, T1005, AML.T0037, AML.T0055]
servers: [fastapi, bentoml, triton]
seconds: 10
what: >
  A pickle tries sixty places where credentials are kept, of which most do not exist, then opens the first 300 files of the
  home.
"""

import contextlib
import itertools
import os

from corpus.credentials import PLACES

FILES = 300


def payload(world):
    for place in world.random.sample(PLACES, len(PLACES)):
        peek(os.path.join(world.home, place))
    files = (os.path.join(folder, name) for folder, _, names in os.walk(world.home) for name in names)
    for path in itertools.islice(files, FILES):
        peek(path)


def peek(path):
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.read(512)
