"""
id: W73
name: support-bundle
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 100
what: >
  An operator needs help from the library's makers, who want a bundle: logs, what the process and its container may use, what all
  threads are doing, which packages there are, and which files the model has, with their sizes. The server packs it into an archive in
  /tmp and reads it again for the download. As the makers miss the older logs, he does it once more with those. The archives are
  removed at the end.
"""

import contextlib
import hashlib
import importlib.metadata
import io
import os
import sys
import tarfile
import tempfile
import traceback

SYSTEM = [
    "/etc/os-release", "/proc/loadavg", "/proc/meminfo", "/proc/self/cgroup", "/proc/self/io", "/proc/self/limits", "/proc/self/maps",
    "/proc/self/mountinfo", "/proc/self/status", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.max",
]
PIECE = 64 * 1024


def payload(world):
    archives = []
    for logs in ([world.log], [world.log, f"{world.log}.1", f"{world.log}.2"]):
        archives.append(pack(world, logs))
        world.sleep(world.random.uniform(8, 15))
        download(world, archives[-1])
        world.sleep(world.random.uniform(20, 30))
    for path in archives:
        os.unlink(path)


def pack(world, logs):
    """Makes the archive; its path."""
    descriptor, path = tempfile.mkstemp(prefix="support-", suffix=".tar.gz")
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for source in [*logs, *SYSTEM]:
            # Not every machine has all of them.
            with contextlib.suppress(OSError), open(source, "rb") as found:
                add(archive, source.lstrip("/"), found.read())
            world.sleep(0.2)
        add(archive, "threads.txt", threads().encode())
        add(archive, "packages.txt", packages().encode())
        add(archive, "models.txt", sizes(os.path.dirname(world.model)).encode())
    return path


def add(archive, name, content):
    entry = tarfile.TarInfo(f"support/{name}")
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def threads():
    stacks = [f"{number}\n{''.join(traceback.format_stack(frame))}" for number, frame in sys._current_frames().items()]
    return "\n".join(stacks)


def packages():
    return "\n".join(f"{found.metadata['Name']} {found.version}" for found in importlib.metadata.distributions())


def sizes(folder):
    with os.scandir(folder) as entries:
        return "\n".join(f"{entry.name} {entry.stat().st_size}" for entry in entries)


def download(world, path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            world.sleep(0.1)
    return digest.hexdigest()
