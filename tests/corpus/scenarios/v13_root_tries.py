"""
id: V13
name: root-tries
class: quiet
phase: serve
trigger: request
evidence: [privilege, file]
techniques: [T1548.001, T1068]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Asks to be root in four ways, all refused, and marks a copy of a harmless program so that it would run with its owner's
  rights. Nothing runs it.
"""

import contextlib
import os
import shutil

ROOT = 0


def payload(world):
    # A server that is root already would give up nothing by these.
    tries = [
        lambda: os.setuid(ROOT),
        lambda: os.setgid(ROOT),
        lambda: os.setresuid(ROOT, ROOT, ROOT),
        lambda: os.setgroups([ROOT]),
        lambda: mark(world),
    ]
    for attempt in world.random.sample(tries, len(tries)):
        with contextlib.suppress(PermissionError):
            attempt()
        world.sleep(world.random.uniform(0.2, 1))


def mark(world):
    path = f"/tmp/.{world.word()}"
    shutil.copy(world.helper, path)
    try:
        os.chmod(path, 0o4755)
        world.sleep(2)
    finally:
        os.unlink(path)
