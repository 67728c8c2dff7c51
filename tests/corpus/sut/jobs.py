"""The job API's way to run a job: a command in a shell."""

import re
import subprocess

from corpus import settings

NAME = re.compile(r"[a-z]{1,20}")
LIMIT = 30


def run(name):
    """Runs one of the jobs that the image has; its exit status."""
    if not NAME.fullmatch(name):
        raise ValueError("no such job")
    return submit(f"python3 {settings.JOBS}/{name}.py")


def submit(command):
    """Runs any command, as an interface without authentication does; its exit status."""
    shell = subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, timeout=LIMIT, check=False)
    return shell.returncode
