"""
id: W29
name: disk-cache-swept
class: benign
phase: serve
trigger: request
servers: [fastapi, triton]
seconds: 100
what: >
  A library keeps what it has computed on disk, as caches of embeddings and of answers do: small files with names that are
  digests, in folders of two letters, in the home's cache. When they are more than 3 MiB, it looks at them all and removes the
  oldest, until a third of the room is free again.
"""

import os

ENTRIES = 300
LEAST, MOST = 2_000, 40_000
LIMIT = 3 << 20
KEPT = 2 / 3


def payload(world):
    folder = os.path.join(world.home, ".cache", world.word())
    written, size = [], 0
    for _ in range(ENTRIES):
        written.append(store(folder, world.random.randbytes(16).hex(), world.random.randbytes(world.random.randint(LEAST, MOST))))
        size += os.path.getsize(written[-1])
        if size > LIMIT:
            size = sweep(folder)
            written = [path for path in written if os.path.exists(path)]
        if world.random.random() < 0.4:
            with open(world.random.choice(written), "rb") as file:
                file.read()
        world.sleep(world.random.uniform(0.1, 0.4))


def store(folder, digest, content):
    """Puts an entry in its place at once and whole; its path."""
    path = os.path.join(folder, digest[:2], digest[2:])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.tmp", "wb") as file:
        file.write(content)
    os.replace(f"{path}.tmp", path)
    return path


def sweep(folder):
    """Removes the oldest entries; the size of those that stay."""
    entries = [entry for place in os.scandir(folder) for entry in os.scandir(place)]
    entries.sort(key=lambda entry: entry.stat().st_mtime)
    size = sum(entry.stat().st_size for entry in entries)
    for entry in entries:
        if size < LIMIT * KEPT:
            break
        size -= entry.stat().st_size
        os.unlink(entry.path)
        if not os.listdir(os.path.dirname(entry.path)):
            os.rmdir(os.path.dirname(entry.path))
    return size
