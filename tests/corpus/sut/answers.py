"""What a scenario adds to the server's own answers: bytes, and work."""

import threading
import time


class Answers:
    """`padding` is ASCII that the next answer is to carry, `work` the seconds of processor time it is to cost.

    A server calls `extra` once for each answer it makes; what was asked for is then done.
    """

    def __init__(self):
        self.padding = None
        self.work = 0.0
        self._lock = threading.Lock()

    def extra(self):
        """Spends the processor time asked for; gives the bytes that the answer has to carry, or None."""
        with self._lock:
            padding, self.padding = self.padding, None
            work, self.work = self.work, 0.0
        end = time.thread_time() + work
        while time.thread_time() < end:
            pass
        return padding


answers = Answers()
