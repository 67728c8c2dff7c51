"""
id: W49
name: engine-built
class: benign
phase: serve
trigger: request
servers: [fastapi, triton]
seconds: 120
what: >
  Clients come with inputs of a new shape, and for each of two shapes the runtime builds an engine at its first use, as TensorRT
  and its providers do: for some seconds one thread tries what is fastest, with a workspace of 48 MiB, and 12 MiB are written beside
  the model, with a cache of timings. The engine is read back, used, and kept for the next start.
"""

import hashlib
import os
import time

SHAPES = 2
BUILD = 6.0
WORKSPACE = 48 << 20
ENGINE = 12
PIECE = 1 << 20


def payload(world):
    folder = os.path.join(os.path.dirname(world.model), "engines")
    os.makedirs(folder, exist_ok=True)
    prefix = f"TensorrtExecutionProvider_{world.word()}_{world.random.getrandbits(64)}"
    for number in range(SHAPES):
        build(world, folder, f"{prefix}_{number}_sm90")
        world.sleep(world.random.uniform(20, 35))


def build(world, folder, name):
    """Tries, for some seconds of processor time, and writes what came of it."""
    workspace = memoryview(bytearray(WORKSPACE))
    timings = []
    end = time.thread_time() + BUILD
    while time.thread_time() < end:
        at = len(timings) * PIECE % WORKSPACE
        began = time.perf_counter()
        workspace[at : at + 32] = hashlib.sha256(workspace[at : at + PIECE]).digest()
        timings.append(f"{at} {time.perf_counter() - began:.6f}")
    workspace.release()
    path = os.path.join(folder, f"{name}.engine")
    with open(f"{path}.tmp", "wb") as file:
        for _ in range(ENGINE):
            file.write(world.random.randbytes(PIECE))
    os.replace(f"{path}.tmp", path)
    with open(os.path.join(folder, f"{name}.profile"), "w") as file:
        file.write("\n".join(timings[:64]))
    with open(os.path.join(folder, "timing.cache"), "a") as file:
        file.write("\n".join(timings))
    with open(path, "rb") as file:
        hashlib.sha256(file.read()).digest()
