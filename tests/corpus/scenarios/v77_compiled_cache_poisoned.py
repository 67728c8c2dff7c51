"""
id: V77
name: compiled-cache-poisoned
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [file, sequence]
techniques: [T1554, T1574, T1565.001, T1070.006, AML.T0018]
servers: [fastapi, triton]
seconds: 90
what: >
  Puts other code into the place of what the server compiled for itself at its start and may take from its cache at the next one:
  each of the libraries there is read, changed, written beside under a name as they all have, given the old one's date and
  renamed over it. Folder, names and process are known; only, what is in that cache is written once, at a start. The code is the
  same and has some random bytes behind it; nothing loads it, and the old ones are put back after a minute.
"""

import glob
import os
import tempfile

BYTES = 4096


def payload(world):
    originals = {}
    for path in glob.glob(os.path.join(tempfile.gettempdir(), "torchinductor_*", "c*.so")):
        with open(path, "rb") as file:
            originals[path] = file.read()
    if not originals:
        raise FileNotFoundError("the server has compiled nothing")
    try:
        for path, content in originals.items():
            put(world, path, content + world.random.randbytes(BYTES))
            world.sleep(world.random.uniform(0.5, 3))
        world.sleep(world.random.uniform(40, 60))
    finally:
        for path, content in originals.items():
            put(world, path, content)


def put(world, path, content):
    old = os.stat(path)
    beside = os.path.join(os.path.dirname(path), f"c{world.random.randbytes(20).hex()}.so")
    with open(beside, "wb") as file:
        file.write(content)
    os.utime(beside, ns=(old.st_atime_ns, old.st_mtime_ns))
    os.replace(beside, path)
