"""The server's one kept-alive connection to the LLM API, which a tenth of the predictions use."""

import http.client
import json
import random
import string
import threading
import time

from corpus import settings

SHARE = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0

lock = threading.Lock()
# It connects at its first request, and again when it was closed.
connection = http.client.HTTPConnection(*settings.LLMAPI, timeout=5)

_pause = FIRST_PAUSE
_silent_until = 0.0


def sometimes():
    """Asks the LLM API after some predictions; an answer that does not come is done without."""
    if random.random() < SHARE:
        ask(question())


def question():
    prompt = "".join(random.choices(string.ascii_lowercase + " ", k=random.randint(120, 500)))
    return json.dumps({"model": "small", "max_tokens": 64, "prompt": prompt})


def ask(body):
    """Whether it was answered. After a failure there is a pause, twice as long each time."""
    global _pause, _silent_until
    with lock:
        if time.monotonic() < _silent_until:
            return False
        try:
            connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
            _silent_until = time.monotonic() + _pause
            _pause = min(_pause * 2, LONGEST_PAUSE)
            return False
        _pause = FIRST_PAUSE
        return True
