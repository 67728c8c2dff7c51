"""
id: S09
name: memfd-dlopen
class: quiet
phase: serve
trigger: request
evidence: [file]
techniques: [T1620, T1129, AML.T0107]
servers: [fastapi, bentoml, triton]
seconds: 25
what: >
  Loads a library that is in memory only, a copy of the system's zlib, and calls it now and then. Nothing is executed.
"""

import ctypes
import glob
import os

from corpus import memfd

CALLS = 10
LIBRARY = next(iter(glob.glob("/usr/lib/*/libz.so.1")), "/lib/libz.so.1")


def payload(world):
    file = memfd.copy(LIBRARY, world.word())
    library = ctypes.CDLL(f"/proc/self/fd/{file}")
    os.close(file)
    library.zlibVersion.restype = ctypes.c_char_p
    for _ in range(CALLS):
        library.zlibVersion()
        world.sleep(world.random.uniform(1, 2))
