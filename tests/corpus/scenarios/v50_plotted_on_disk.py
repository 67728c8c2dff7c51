"""
id: V50
name: plotted-on-disk
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [resource, file, model]
techniques: [T1496, AML.T0034]
servers: [fastapi, bentoml, triton]
seconds: 120
what: >
  Farms a currency that is paid for disk space: fifteen files of 8 MiB, named and placed as a model that is being downloaded, are
  filled with what was computed, and then asked for proofs for a minute, some twenty thousand reads of a page each at random
  places. Nothing is downloaded and nothing is sent.
"""

import contextlib
import os
import tempfile
import time

PLOTS = 15
SIZE = 8 << 20
CHUNK = 64 * 1024
PAGE = 4096
SECONDS = 60
READS = 34
PAUSE = 0.1


def payload(world):
    with contextlib.ExitStack() as plots:
        opened = []
        for _ in range(PLOTS):
            plot = plots.enter_context(tempfile.NamedTemporaryFile(dir=os.path.dirname(world.model)))
            for _ in range(SIZE // CHUNK):
                plot.write(world.random.randbytes(CHUNK))
            plot.flush()
            opened.append(plot.fileno())
            world.sleep(world.random.uniform(0.5, 1.5))
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for _ in range(READS):
                os.pread(world.random.choice(opened), PAGE, world.random.randrange(SIZE // PAGE) * PAGE)
            world.sleep(PAUSE)
