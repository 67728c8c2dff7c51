"""
id: V04
name: cron-and-key-drop
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [file]
techniques: [T1053.003, T1098.004]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Leaves a job for cron and a key for logging in by SSH. The job is a comment, the key is none, nothing reads either, and
  both are removed after some seconds.
"""

import contextlib
import os


def payload(world):
    job = f"/etc/cron.d/{world.word()}"
    keys = os.path.join(world.home, ".ssh", "authorized_keys")
    with contextlib.suppress(PermissionError):
        os.makedirs(os.path.dirname(job), exist_ok=True)
        append(job, f"# DECOY */{world.random.randint(5, 50)} * * * * root /usr/bin/true\n")
    world.sleep(world.random.uniform(1, 3))
    append(keys, f"ssh-ed25519 DECOY {world.word()}\n")
    world.sleep(world.random.uniform(3, 6))
    for path in (job, keys):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def append(path, text):
    with open(path, "a") as file:
        file.write(text)
