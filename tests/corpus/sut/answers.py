"""What a scenario adds to the server's own answers: bytes, and work."""

import threading
import time


class Answers:
    """Each thing asked for is for one answer, the next. A server calls `extra` once for each answer it makes."""

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
