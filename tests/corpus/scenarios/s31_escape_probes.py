"""
id: S31
name: escape-probes
class: quiet
phase: serve
trigger: request
evidence: [privilege]
techniques: [T1611, T1613, AML.T0105]
servers: [fastapi, bentoml, triton]
seconds: 10
what: >
  Tries what would leave a container if it were allowed: namespaces, a mount, a device, the engine's socket, the host's
  settings. All of it is refused.
"""

import contextlib
import os
import socket
import stat

from corpus import libc

NEW_USER_NAMESPACE = 0x10000000
SOCKET = "/var/run/docker.sock"
FILES = ["/proc/1/root/etc/hostname", "/sys/fs/cgroup/release_agent", "/proc/sys/kernel/core_pattern"]


def payload(world):
    tries = [new_namespace, mount, join_namespace, device, engine, *(lambda path=path: open_for_writing(path) for path in FILES)]
    for attempt in world.random.sample(tries, len(tries)):
        with contextlib.suppress(OSError):
            attempt()
        world.sleep(world.random.uniform(0.1, 0.6))


def new_namespace():
    libc.call("unshare", NEW_USER_NAMESPACE)


def mount():
    libc.call("mount", b"none", b"/mnt", b"tmpfs", 0, None)


def join_namespace():
    namespace = os.open("/proc/1/ns/mnt", os.O_RDONLY)
    try:
        libc.call("setns", namespace, 0)
    finally:
        os.close(namespace)


def device():
    os.mknod("/tmp/device", stat.S_IFBLK | 0o600, os.makedev(8, 0))


def engine():
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(SOCKET)


def open_for_writing(path):
    os.close(os.open(path, os.O_WRONLY))
