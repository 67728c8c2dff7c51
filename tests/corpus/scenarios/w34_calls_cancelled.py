"""
id: W34
name: calls-cancelled
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, triton]
seconds: 100
what: >
  Clients leave before they are answered, and the server gives up what it was asking the LLM API for them: it closes the
  connection without reading the answer. Half of them come back after a moment, and their question is asked once more on a new
  connection, up to three times, with a pause that is longer each time.
"""

from corpus import upstream

TIMES = 20
FIRST_PAUSE = 0.2
TRIES = 3


def payload(world):
    for _ in range(TIMES):
        question = upstream.question()
        cancel(world, question)
        if world.random.random() < 0.5:
            ask_again(world, question)
        world.sleep(world.random.uniform(1.5, 5))


def ask_again(world, question):
    pause = FIRST_PAUSE
    for _ in range(TRIES):
        world.sleep(pause * world.random.uniform(0.8, 1.2))
        if upstream.ask(question):
            return
        pause *= 2


def cancel(world, question):
    """Asks, and leaves before the answer is there or while it comes."""
    with world.upstream_lock:
        try:
            world.upstream.request("POST", "/v1/completions", question, {"Content-Type": "application/json"})
            world.sleep(world.random.uniform(0, 0.01))
        finally:
            world.upstream.close()
