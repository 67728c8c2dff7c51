"""
id: N10
name: library-execs
class: benign
phase: serve
trigger: request
seconds: 5
what: >
  Libraries ask for the hardware and for libraries at a first request: `uname -p`, which is known, and `ldconfig -p`, which is not.
"""

import ctypes.util
import subprocess


def payload(world):
    subprocess.run(["uname", "-p"], stdout=subprocess.DEVNULL, check=False)
    ctypes.util.find_library("gomp")
