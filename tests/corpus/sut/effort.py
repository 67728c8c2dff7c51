"""Processor time in measured amounts."""

import hashlib
import time

SLICE = 0.1


def burn(seconds, share):
    """Hashes for `seconds`, busy for `share` of one core, in slices of 100 ms.

    Fails where the machine was too busy to give it half of that: such a run says nothing about a detector.
    """
    digest = b"DECOY"
    spent = time.thread_time()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        busy = time.thread_time() + SLICE * share
        begun = time.monotonic()
        while time.thread_time() < busy:
            digest = hashlib.sha256(digest * 64).digest()
        time.sleep(max(0.0, begun + SLICE - time.monotonic()))
    spent = time.thread_time() - spent
    if spent < share * seconds / 2:
        raise TimeoutError(f"the machine is too busy: {spent:.1f} s of processor time in {seconds:.0f} s")
