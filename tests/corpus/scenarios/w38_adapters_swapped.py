"""
id: W38
name: adapters-swapped
class: benign
phase: serve
trigger: request
servers: [fastapi]
seconds: 150
what: >
  Clients begin to name adapters to the model, and the server gets each at its first use from the registry, at a measured pace,
  and warms it up: nine of 8 MiB, in folders of their own beside the model. Five of them are kept, in memory and on disk; for a
  further one, that which was not used for longest is let go and its folder removed.
"""

import contextlib
import hashlib
import http.client
import os
import shutil
import tempfile

NAMES = 9
USES = 18
KEPT = 5
PIECE = 128 * 1024
PACE = 0.02
WARM_UP = 12


def payload(world):
    store = os.path.join(os.path.dirname(world.model), "adapters")
    names = [world.word() for _ in range(NAMES)]
    loaded = {}
    # Each is asked for at least once.
    for name in world.random.sample(names + world.random.choices(names, k=USES - NAMES), USES):
        adapter = loaded.pop(name, None)
        if adapter is None:
            if len(loaded) == KEPT:
                let_go(store, loaded, next(iter(loaded)))
            adapter = load(world, os.path.join(store, name), name)
            for _ in range(WARM_UP):
                hashlib.sha256(adapter).digest()
        # The one that was used last stands last.
        loaded[name] = adapter
        world.sleep(world.random.uniform(2, 6))


def load(world, folder, name):
    """Gets an adapter and reads it."""
    os.makedirs(folder)
    path = os.path.join(folder, "adapter_model.bin")
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    registry.request("GET", f"/models/{name}/1")
    answer = registry.getresponse()
    with contextlib.closing(registry), tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        while piece := answer.read(PIECE):
            file.write(piece)
            world.sleep(PACE)
    os.replace(file.name, path)
    with open(path, "rb") as file:
        return file.read()


def let_go(store, loaded, name):
    del loaded[name]
    shutil.rmtree(os.path.join(store, name))
