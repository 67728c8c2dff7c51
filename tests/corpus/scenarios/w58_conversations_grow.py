"""
id: W58
name: conversations-grow
class: benign
set: listed
phase: serve
trigger: request
servers: [fastapi]
seconds: 120
what: >
  A product lets its users talk with the server for longer, and each question to the LLM API carries all that was said before: six
  conversations at once, over the connection that is always used, in which a question begins with some hundred bytes and has up to
  20 KB after a dozen turns. One that has grown too long is begun anew.
"""

import http.client
import json
import string

CONVERSATIONS = 6
TURNS = 62
LONGEST = 20_000


def payload(world):
    conversations = [[] for _ in range(CONVERSATIONS)]
    for _ in range(TURNS):
        said = world.random.choice(conversations)
        said.append({"role": "user", "content": text(world, world.random.randint(200, 2600))})
        if len(json.dumps(said)) > LONGEST:
            del said[:-1]
        said.append({"role": "assistant", "content": answer(world, said)})
        world.sleep(world.random.uniform(0.8, 2.6))


def text(world, size):
    return "".join(world.random.choices(string.ascii_lowercase + "     ", k=size))


def answer(world, said):
    body = json.dumps({"model": "small", "max_tokens": 64, "prompt": json.dumps(said)})
    with world.upstream_lock:
        try:
            return ask(world, body)
        except (OSError, http.client.HTTPException):
            world.upstream.close()
            return ask(world, body)


def ask(world, body):
    world.upstream.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    return json.loads(world.upstream.getresponse().read())["choices"][0]["text"]
