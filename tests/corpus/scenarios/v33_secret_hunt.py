"""
id: V33
name: secret-hunt
class: quiet
set: held-out
phase: reload
trigger: model
evidence: [file]
techniques: [T1083, T1552.001, T1552.004, T1005, AML.T0011.000, AML.T0055]
servers: [fastapi]
seconds: 45
what: >
  A pickle goes through all folders there are and reads two hundred files whose names say that there may be keys or settings in
  them, wherever they lie, as programs that look for secrets do. All that it finds are decoys and the system's own files.
"""

import contextlib
import os

ELSEWHERE = {"/proc", "/sys", "/dev"}
ENDINGS = (".env", ".pem", ".key", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".txt", ".sh", ".db")
NAMES = {"config", "credentials", "environment", "hosts", "passwd", "shadow", "token", ".netrc", "id_ed25519", ".bash_history"}
MOST = 200
BYTES = 16 * 1024


def payload(world):
    found = list(places())
    for path in world.random.sample(found, min(MOST, len(found))):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            file.read(BYTES)
        world.sleep(world.random.uniform(0, 0.15))


def places():
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ELSEWHERE]
        for name in names:
            if name in NAMES or name.endswith(ENDINGS):
                yield os.path.join(folder, name)
