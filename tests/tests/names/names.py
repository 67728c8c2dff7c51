"""A small name server, and a client that asks it in every way: run as `server`, or with the client's steps."""

import select
import socket
import ssl
import struct
import sys
import threading
import time

A, AAAA = 1, 28
# What a name is answered with, by type; several answers follow one another, the last one stays.
ZONE = {
    "udp.example": {A: ["10.99.0.1"]},
    "sent.example": {A: ["10.99.0.2"]},
    "tcp.example": {A: ["10.99.0.3"]},
    "six.example": {A: ["10.99.0.4"], AAAA: ["fd99::4"]},
    "move.example": {A: ["10.99.0.5", "10.99.0.6"]},
    "first.example": {A: ["10.99.0.9"]},
    "second.example": {A: ["10.99.0.9"]},
    "rogue.example": {A: ["10.99.0.7"]},
    "steady.example": {A: ["10.99.0.8"]},
}
TTL = 77


def encoded(name):
    labels = name.split(".")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def question(name, kind=A):
    return struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + encoded(name) + struct.pack(">HH", kind, 1)


class Zone:
    def __init__(self):
        self.counts = {}

    def answer(self, message):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1 : at + 1 + message[at]].decode().lower())
            at += 1 + message[at]
        name, end = ".".join(labels), at + 5
        (kind,) = struct.unpack(">H", message[at + 1 : at + 3])
        addresses = ZONE.get(name, {}).get(kind, [])
        count = self.counts[name, kind] = self.counts.get((name, kind), -1) + 1
        result = 0 if name in ZONE else 3
        reply = message[:2] + struct.pack(">5H", 0x8180 | result, 1, int(bool(addresses)), 0, 0)
        reply += message[12:end]
        if addresses:
            address = addresses[min(count, len(addresses) - 1)]
            family = socket.AF_INET if kind == A else socket.AF_INET6
            data = socket.inet_pton(family, address)
            # Without compression, as some servers answer.
            reply += encoded(name) + struct.pack(">HHIH", kind, 1, TTL, len(data)) + data
        return reply


def serve(address, family=socket.AF_INET):
    """Answers over UDP and TCP until the process ends."""
    zone = Zone()
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.bind((address, 53))
    streams = socket.socket(family, socket.SOCK_STREAM)
    streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    streams.bind((address, 53))
    streams.listen()

    def run():
        while True:
            ready, _, _ = select.select([datagrams, streams], [], [])
            if datagrams in ready:
                message, peer = datagrams.recvfrom(2048)
                datagrams.sendto(zone.answer(message), peer)
            if streams in ready:
                connection, _ = streams.accept()
                reply = zone.answer(connection.recv(2048)[2:])
                connection.sendall(struct.pack(">H", len(reply)) + reply)
                connection.close()

    threading.Thread(target=run, daemon=True).start()


def ask(server, name, kind=A, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as it:
        it.connect((server, 53))
        it.send(question(name, kind))
        it.recv(2048)


def ask_without_connection(server, name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        it.sendto(question(name), (server, 53))
        it.recv(2048)


def ask_over_tcp(server, name):
    message = question(name)
    with socket.create_connection((server, 53)) as it:
        it.sendall(struct.pack(">H", len(message)) + message)
        it.recv(2048)


def contact(address, port=443):
    """Begins a connection; addresses of the zone lead nowhere."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as it:
        it.setblocking(False)
        it.connect_ex((address, port))


def greet(name, port):
    """Sends what a TLS client sends first, to a server that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        session = context.wrap_bio(incoming, outgoing, server_hostname=name)
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            pass
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(outgoing.read())


if sys.argv[1] == "server":
    serve("0.0.0.0")
else:
    for step in sys.argv[1:]:
        exec(step)
print("done", flush=True)
time.sleep(3600)
