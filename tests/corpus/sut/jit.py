"""Compilation at the start, as of kernels that are made for the machine: an assembler writes code, and the server maps it."""

import ctypes
import os
import random
import shutil
import subprocess
import tempfile

ASSEMBLER = "/usr/local/bin/ptxas"
CODE = "/usr/lib/x86_64-linux-gnu/libz.so.1"


def compile_kernels():
    folder = tempfile.mkdtemp(prefix="torchinductor_")
    for _ in range(2):
        name = f"c{random.randbytes(20).hex()}"
        source = os.path.join(folder, f"{name}.ptx")
        with open(source, "w") as file:
            file.write(f"// {name}\n")
        subprocess.run([ASSEMBLER, "0", source], check=True)
        # The stand-in for an assembler writes nothing.
        library = os.path.join(folder, f"{name}.so")
        shutil.copyfile(CODE, library)
        ctypes.CDLL(library).zlibVersion()
