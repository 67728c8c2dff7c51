"""
id: V32
name: memory-injection
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [file, privilege, process]
techniques: [T1055.009, T1057, T1106]
servers: [fastapi]
seconds: 30
what: >
  Writes into the memory of another process through its file in /proc, as is done to have it run other code. That process is
  a child made for it, which executes nothing and waits; what is overwritten is a buffer of its own that nobody reads.
"""

import ctypes
import os
import time

TIMES = 4
BYTES = 2048
WAIT = 25


def payload(world):
    buffer = ctypes.create_string_buffer(BYTES)
    child = os.fork()
    if child == 0:
        # The server's own code must not run on, whatever happens here.
        try:
            time.sleep(WAIT)
        finally:
            os._exit(0)
    try:
        for _ in range(TIMES):
            inject(child, ctypes.addressof(buffer), world.random.randbytes(BYTES))
            world.sleep(world.random.uniform(1, 4))
    finally:
        os.waitpid(child, 0)


def inject(process, address, code):
    """Writes it there, in the child's memory, and looks whether it is there."""
    with open(f"/proc/{process}/maps", "rb") as file:
        file.read()
    memory = os.open(f"/proc/{process}/mem", os.O_RDWR)
    try:
        os.pwrite(memory, code, address)
        if os.pread(memory, len(code), address) != code:
            raise OSError(f"the memory of {process} is as it was")
    finally:
        os.close(memory)
