"""
id: V42
name: watchdog-shell
class: loud
set: held-out
phase: reload
trigger: model
evidence: [process, file]
techniques: [T1059.004, T1564.011, T1546, AML.T0011.000, AML.T0050]
servers: [fastapi, bentoml]
seconds: 60
what: >
  A pickle leaves a shell behind that outlives whoever started it: in a session of its own, deaf to hanging up, it looks every
  few seconds whether a hidden file is there and puts it back where it is gone. The file says nothing, and the shell ends after
  nine rounds.
"""

import os
import shutil
import subprocess

ROUNDS = 9
SCRIPT = 'n=0; while [ $n -lt "$2" ]; do [ -e "$1" ] || cp "$1.orig" "$1"; sleep "$3"; n=$((n+1)); done'


def payload(world):
    folder = os.path.join(world.random.choice(["/tmp", "/var/tmp"]), f".{world.word()}")
    kept = os.path.join(folder, world.word())
    pause = f"{world.random.uniform(2, 5):.1f}"
    os.mkdir(folder)
    try:
        for path in (kept, f"{kept}.orig"):
            with open(path, "w") as file:
                file.write(f"# DECOY {world.word(60)}\n")
        watchdog = subprocess.Popen(
            ["nohup", "sh", "-c", SCRIPT, "sh", kept, str(ROUNDS), pause],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        world.sleep(world.random.uniform(6, 10))
        os.unlink(kept)
        if watchdog.wait() != 0 or not os.path.exists(kept):
            raise ChildProcessError(f"the watchdog did not put it back: {watchdog.returncode}")
    finally:
        shutil.rmtree(folder)
