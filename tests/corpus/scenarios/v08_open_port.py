"""
id: V08
name: listening-port
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [network]
techniques: [T1095, T1571, AML.T0072]
servers: [fastapi, bentoml, triton]
seconds: 50
what: >
  Listens on a port of its own beside the server's, on all addresses, as a shell does that waits for its master. Whoever
  connects gets one line; nobody does.
"""

import contextlib
import socket


def payload(world):
    seconds = world.random.uniform(30, 45)
    with socket.create_server(("", world.random.randint(20000, 60000))) as door:
        door.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            visitor, _ = door.accept()
            with visitor:
                visitor.sendall(b"DECOY\n")
