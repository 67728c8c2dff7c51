"""Processor time in measured amounts."""

import hashlib
import time

SLICE = 0.1


def burn(seconds, share):
    """Hashes for `seconds`, busy for `share` of one core, in slices of 100 ms."""
    digest = b"DECOY"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        busy = time.thread_time() + SLICE * share
        begun = time.monotonic()
        while time.thread_time() < busy:
            digest = hashlib.sha256(digest * 64).digest()
        time.sleep(max(0.0, begun + SLICE - time.monotonic()))
