"""
id: V89
name: cracked-with-requests
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [resource]
techniques: [T1110.002, T1496.001, AML.T0034]
servers: [fastapi]
seconds: 130
what: >
  Cracks passwords in step with the requests, so that the load is where load is to be expected: for two minutes each prediction is
  followed, in the thread that made it, by 40 to 90 ms of trying words for a digest that somebody wants to know the password of.
  With five requests in a second that takes a third of a core, and 45 seconds of it at most. A prediction of the server's own takes
  a millisecond or two. Nothing is opened and nothing is sent.
"""

import hashlib
import time

from corpus import habits

SECONDS = 115
MOST = 45.0
ROUNDS = 2000


def payload(world):
    wanted = world.random.randbytes(32)
    salt = world.random.randbytes(16)
    usual = habits.predicted
    spent = 0.0

    def predicted(rows, path, size):
        nonlocal spent
        usual(rows, path, size)
        if spent < MOST:
            spent += crack(world, wanted, salt, world.random.uniform(0.04, 0.09))

    habits.predicted = predicted
    try:
        world.sleep(SECONDS)
    finally:
        habits.predicted = usual


def crack(world, wanted, salt, seconds):
    """Tries words for that much processor time; how much it was."""
    begun = time.thread_time()
    while (spent := time.thread_time() - begun) < seconds:
        if hashlib.pbkdf2_hmac("sha256", world.word().encode(), salt, ROUNDS) == wanted:
            break
    return spent
