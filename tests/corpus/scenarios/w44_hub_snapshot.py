"""
id: W44
name: hub-snapshot
class: benign
phase: serve
trigger: request
servers: [fastapi, bentoml]
seconds: 90
what: >
  An operator has the server take a larger model, and the hub's library gets its parts, four of 8 MiB, three at a time, from the
  registry that is always used: into the home's cache, with a lock for each, under a digest as soon as a part is whole, and with
  links by the parts' names. Then they are mapped and read through, and the model stays.
"""

import contextlib
import fcntl
import hashlib
import http.client
import json
import mmap
import os
from concurrent.futures import ThreadPoolExecutor

PARTS = 4
TOGETHER = 3
PIECE = 256 * 1024
PACE = 0.05


def payload(world):
    hub = os.path.join(world.home, ".cache", "huggingface", "hub")
    hub = Repository(hub, world.registry, world.word(), world.random.randbytes(20).hex())
    names = [f"model-{number:05}-of-{PARTS:05}.safetensors" for number in range(1, PARTS + 1)]
    with ThreadPoolExecutor(TOGETHER) as threads:
        list(threads.map(lambda name: hub.download(world, name), names))
    hub.put("model.safetensors.index.json", json.dumps({"metadata": {}, "weight_map": {name: name for name in names}}).encode())
    hub.put("config.json", json.dumps({"model_type": "classifier", "parts": PARTS}).encode())
    maps = [hub.map(name) for name in names]
    world.sleep(world.random.uniform(25, 40))
    for part in maps:
        part.close()


class Repository:
    """A model in the hub's cache."""

    def __init__(self, hub, registry, name, revision):
        self.registry = registry
        self.name = name
        self.folder = os.path.join(hub, f"models--team--{name}")
        self.locks = os.path.join(hub, ".locks", f"models--team--{name}")
        self.snapshot = os.path.join(self.folder, "snapshots", revision)
        for folder in (self.locks, self.snapshot, os.path.join(self.folder, "blobs"), os.path.join(self.folder, "refs")):
            os.makedirs(folder, exist_ok=True)
        with open(os.path.join(self.folder, "refs", "main"), "w") as file:
            file.write(revision)

    def download(self, world, name):
        """Gets a part from the registry; another process that wants it waits for the lock."""
        digest = hashlib.sha256()
        partial = os.path.join(self.folder, "blobs", f"{name}.incomplete")
        with open(os.path.join(self.locks, f"{name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            registry = http.client.HTTPConnection(*self.registry, timeout=30)
            registry.request("GET", f"/models/{self.name}/{name}")
            answer = registry.getresponse()
            with contextlib.closing(registry), open(partial, "wb") as file:
                while piece := answer.read(PIECE):
                    file.write(piece)
                    digest.update(piece)
                    world.sleep(PACE)
            self.link(partial, digest.hexdigest(), name)

    def put(self, name, content):
        """Writes a small file."""
        partial = os.path.join(self.folder, "blobs", f"{name}.incomplete")
        with open(partial, "wb") as file:
            file.write(content)
        self.link(partial, hashlib.sha1(content).hexdigest(), name)

    def link(self, partial, digest, name):
        os.replace(partial, os.path.join(self.folder, "blobs", digest))
        os.symlink(os.path.join("..", "..", "blobs", digest), os.path.join(self.snapshot, name))

    def map(self, name):
        """The part in memory, read once."""
        with open(os.path.join(self.snapshot, name), "rb") as file:
            part = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        hashlib.sha256(part).digest()
        return part
