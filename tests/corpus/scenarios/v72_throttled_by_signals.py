"""
id: V72
name: throttled-by-signals
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, resource, sequence]
techniques: [T1496.001, T1106, T1036, AML.T0034]
servers: [fastapi, triton]
seconds: 110
what: >
  Hashes in a copy of the server's process and keeps it below what a watchman of loads would tell of, as miners do with
  `cpulimit`: three times a second the copy is stopped by a signal and let go on by another, for a minute and a half. It uses a
  third of a core. The loader's child is sent no signals and ends within a moment.
"""

import hashlib
import os
import signal
import time

SECONDS = 90
RUN, HOLD = 0.11, 0.22
LEAST = 8.0


def payload(world):
    miner = os.fork()
    if miner == 0:
        try:
            burn(SECONDS)
        finally:
            os._exit(0)
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            world.sleep(RUN * world.random.uniform(0.8, 1.2))
            os.kill(miner, signal.SIGSTOP)
            world.sleep(HOLD * world.random.uniform(0.8, 1.2))
            os.kill(miner, signal.SIGCONT)
    finally:
        os.kill(miner, signal.SIGKILL)
        _, _, usage = os.wait4(miner, 0)
    if usage.ru_utime < LEAST:
        raise TimeoutError(f"the machine is too busy: {usage.ru_utime:.1f} s of processor time in {SECONDS} s")


def burn(seconds):
    digest = b"DECOY"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        digest = hashlib.sha256(digest * 64).digest()
