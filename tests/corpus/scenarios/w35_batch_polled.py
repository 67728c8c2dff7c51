"""
id: W35
name: batch-polled
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 120
what: >
  The server uses the LLM API's cheap way for what has time: it uploads a file of a hundred and forty questions, some 60 KB,
  says what is to be done with it, asks every few seconds whether that is done, less often each time, and reads the answers. The
  SDK has a client of its own for it, beside the server's, which keeps no connection for as long as these pauses are.
"""

import http.client
import json

from corpus import upstream

QUESTIONS = 140
POLLS = 9
FIRST_PAUSE, LONGEST_PAUSE = 5, 15


def payload(world):
    lines = [line(number) for number in range(QUESTIONS)]
    call(world, "POST", "/v1/files", "\n".join(lines), "application/jsonl")
    order = {"input_file_id": f"file-{world.word(24)}", "endpoint": "/v1/completions", "completion_window": "24h"}
    call(world, "POST", "/v1/batches", json.dumps(order))
    batch, pause = f"batch_{world.word(24)}", FIRST_PAUSE
    for _ in range(POLLS):
        world.sleep(pause * world.random.uniform(0.9, 1.1))
        pause = min(pause * 1.25, LONGEST_PAUSE)
        call(world, "GET", f"/v1/batches/{batch}")
    call(world, "GET", f"/v1/files/file-{world.word(24)}/content")


def line(number):
    question = {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/completions"}
    return json.dumps({**question, "body": json.loads(upstream.question())})


def call(world, method, path, body=None, kind="application/json"):
    client = http.client.HTTPConnection(*world.llmapi, timeout=30)
    client.request(method, path, body, {"Content-Type": kind} if body else {})
    client.getresponse().read()
    client.close()
