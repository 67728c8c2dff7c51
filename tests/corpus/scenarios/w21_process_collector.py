"""
id: W21
name: process-collector
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 90
what: >
  A library for metrics begins to count what its process uses, as those for Prometheus and for tracing do every ten seconds: it
  reads its own entries in /proc, counts its open files, and looks up the machine's load and what the container may have.
"""

import contextlib
import os

TIMES = 6
PROCESS = ["stat", "statm", "status", "limits", "io"]
MACHINE = ["stat", "meminfo", "loadavg", "uptime"]
GROUP = ["memory.max", "memory.current", "cpu.max", "cpu.stat", "pids.current"]


def payload(world):
    places = [f"/proc/self/{name}" for name in PROCESS] + [f"/proc/{name}" for name in MACHINE]
    places += [f"/sys/fs/cgroup/{name}" for name in GROUP]
    for _ in range(TIMES):
        for place in places:
            # Which of them there are depends on the kernel.
            with contextlib.suppress(OSError), open(place, "rb") as file:
                file.read()
        os.listdir("/proc/self/fd")
        world.sleep(world.random.uniform(9, 11))
