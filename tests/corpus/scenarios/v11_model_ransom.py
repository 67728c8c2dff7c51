"""
id: V11
name: model-ransom
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [model, file]
techniques: [T1486, T1485, T1565.001, AML.T0029]
servers: [fastapi, bentoml, triton]
seconds: 25
what: >
  Writes a scrambled copy beside each file of the model store but the weights, removes the originals, and leaves a note. It
  gives them back after some seconds.
"""

import os

SUFFIXES = [".locked", ".enc", ".crypt"]


def payload(world):
    folder = os.path.dirname(world.model)
    suffix = world.random.choice(SUFFIXES)
    names = [entry.name for entry in os.scandir(folder) if entry.is_file() and entry.path != world.weights]
    paths = [os.path.join(folder, name) for name in names]
    note = os.path.join(folder, f"READ_{world.word(5)}.txt")
    contents = [scramble(path, path + suffix) for path in paths]
    write(note, b"DECOY\n")
    world.sleep(world.random.uniform(4, 10))
    for path, content in zip(paths, contents):
        write(path, content)
        os.unlink(path + suffix)
    os.unlink(note)


def scramble(path, locked):
    """Puts the file away under another name, unreadable; what was in it."""
    with open(path, "rb") as file:
        content = file.read()
    write(locked, content.translate(bytes(byte ^ 0x5A for byte in range(256))))
    os.unlink(path)
    return content


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)
