"""
id: S32
name: rare-syscalls
class: quiet
phase: serve
trigger: request
evidence: [syscall, privilege]
techniques: [T1068, T1106, AML.T0107]
servers: [fastapi, asyncio, bentoml, triton]
seconds: 10
what: >
  Makes once each the system calls that exploits of kernels begin with and model servers have no use for. Some are refused,
  none has an effect.
"""

import contextlib
import ctypes
import os
import struct

from corpus import libc

LOAD_PROGRAM = 5
ASK_PERSONALITY = 0xFFFFFFFF
ATTACH = 16
GET_KEYRING, SESSION_KEYRING = 0, -3
USER_MODE_ONLY = 1
OF_THIS_PROCESS, ANY_PROCESSOR = 0, -1


def payload(world):
    tries = [userfaultfd, add_key, keyctl, bpf, perf_event, vmsplice, personality, ptrace, read_memory, io_uring]
    for attempt in world.random.sample(tries, len(tries)):
        with contextlib.suppress(OSError):
            attempt()
        world.sleep(world.random.uniform(0.1, 0.5))


def userfaultfd():
    os.close(libc.call("userfaultfd", os.O_CLOEXEC | USER_MODE_ONLY))


def add_key():
    libc.call("add_key", b"user", b"DECOY", b"DECOY", 5, SESSION_KEYRING)


def keyctl():
    libc.call("keyctl", GET_KEYRING, SESSION_KEYRING, 0)


def bpf():
    """Without instructions, so that it is refused wherever it is allowed."""
    os.close(libc.call("bpf", LOAD_PROGRAM, ctypes.create_string_buffer(128), 128))


def perf_event():
    attributes = ctypes.create_string_buffer(128)
    struct.pack_into("=II", attributes, 0, 1, len(attributes))
    os.close(libc.call("perf_event_open", attributes, OF_THIS_PROCESS, ANY_PROCESSOR, -1, 0))


def vmsplice():
    reader, writer = os.pipe()
    data = ctypes.create_string_buffer(b"DECOY")
    try:
        libc.call("vmsplice", writer, struct.pack("=QQ", ctypes.addressof(data), len(data)), 1, 0)
    finally:
        os.close(reader)
        os.close(writer)


def personality():
    libc.call("personality", ASK_PERSONALITY)


def ptrace():
    """Of itself, which is refused: a thread that lets itself be traced could not be collected when it ends."""
    libc.call("ptrace", ATTACH, os.getpid(), None, None)


def read_memory():
    source, target = ctypes.create_string_buffer(b"DECOY"), ctypes.create_string_buffer(8)
    local, remote = (struct.pack("=QQ", ctypes.addressof(buffer), 6) for buffer in (target, source))
    libc.call("process_vm_readv", os.getpid(), local, 1, remote, 1, 0)


def io_uring():
    os.close(libc.call("io_uring_setup", 1, ctypes.create_string_buffer(120)))
