"""
id: W71
name: jobs-by-scheduler
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 110
what: >
  The image's jobs, which somebody used to ask for, are handed to a scheduler in the server, as APScheduler is one: it notes in a
  database of its own in the home what is due, executes the interpreter with the job's file when it is, without a shell, two at once
  where they fall together, and notes how it went. Nine runs, after which the operator turns it off.
"""

import concurrent.futures
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys

from corpus import settings

NAMES = ["report", "digest", "clean"]
ROUNDS = 6
LIMIT = 30


def payload(world):
    folder = os.path.join(world.home, ".cache", f"scheduler-{world.word()}")
    os.makedirs(folder)
    store = os.path.join(folder, "jobs.sqlite")
    note(store, "create table runs (id integer primary key, name text, state text, status integer)")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            due = world.random.sample(NAMES, 1 + number % 2)
            for name in due:
                note(store, "insert into runs (name, state) values (?, 'due')", name)
            for name, status in zip(due, pool.map(run, due), strict=True):
                note(store, "update runs set state = 'done', status = ? where name = ? and state = 'due'", status, name)
            world.sleep(world.random.uniform(14, 20))
    shutil.rmtree(folder)


def run(name):
    command = [sys.executable, f"{settings.JOBS}/{name}.py"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, timeout=LIMIT, check=False).returncode


def note(store, statement, *values):
    with contextlib.closing(sqlite3.connect(store, timeout=5)) as connection, connection:
        connection.execute(statement, values)
