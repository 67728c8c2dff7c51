"""
id: W61
name: environment-reported
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 90
what: >
  A library misbehaves, and the form for its reports wants to know what it runs on. An operator has the server tell, by what such
  libraries bring along for it, as PyTorch does: it asks for compilers, processor, graphics card and packages, by programs of which
  half are not there, and reads what is noted beside each package. Something was forgotten, and he does it once more.
"""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile

COMMANDS = [
    "lsb_release -a",
    "gcc --version",
    "clang --version",
    "cmake --version",
    "nvcc --version",
    "nvidia-smi -L",
    "lscpu",
    f"{sys.executable} -m pip list --format=freeze --disable-pip-version-check",
]
PATIENCE = 40


def payload(world):
    for _ in range(2):
        path = os.path.join(tempfile.gettempdir(), f"env-{world.word()}.txt")
        with open(path, "w") as file:
            for line in report():
                file.write(f"{line}\n")
        world.sleep(world.random.uniform(5, 8))
        with open(path) as file:
            file.read()
        os.unlink(path)
        world.sleep(world.random.uniform(15, 25))


def report():
    yield f"{platform.platform()} {platform.libc_ver()} {platform.python_version()}"
    with open("/etc/os-release") as file:
        yield file.read()
    for command in COMMANDS:
        yield f"{command}: {told(command)}"
    for package in importlib.metadata.distributions():
        yield " ".join((package.read_text("METADATA") or "").splitlines()[1:3])


def told(command):
    """What a command says, in a shell as these libraries do it, or that it cannot be had."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, shell=True, capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode == 0:
            return done.stdout.decode(errors="replace").strip()
    return "could not collect"
