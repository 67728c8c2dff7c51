"""The DNS server. It knows the names that `PUT /names {"name": "address"}` on port 8053 tells; any other one is the sink's.

`default` instead of a name is for all that it does not know; null instead of an address makes it fail for that name.
"""

import ipaddress
import json
import os
import socketserver
import struct
import threading

from handler import Handler, serve

A, TXT, INTERNET = 1, 16, 1
NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
TTL = 5

names = {"default": os.environ.get("CORPUS_SINK", "127.0.0.1")}


def question(packet):
    """The name and type asked for, and where the question ends."""
    labels, place = [], 12
    while length := packet[place]:
        labels.append(packet[place + 1 : place + 1 + length].decode("ascii", "replace").lower())
        place += 1 + length
    (kind,) = struct.unpack_from("!H", packet, place + 1)
    return ".".join(labels), kind, place + 5


def answer(packet):
    """The packet that answers, or nothing when there is no question in it."""
    try:
        name, kind, end = question(packet)
    except (IndexError, struct.error):
        return b""
    code, data = look_up(name, kind)
    flags = 0x8180 | code
    head = packet[:2] + struct.pack("!HHHHH", flags, 1, 1 if data else 0, 0, 0)
    # The record's name is a pointer to the question's.
    record = struct.pack("!HHHIH", 0xC00C, kind, INTERNET, TTL, len(data)) + data if data else b""
    return head + packet[12:end] + record


def look_up(name, kind):
    """The code and the data of the one record, if there is one."""
    if name.endswith(".invalid"):
        return NO_SUCH_NAME, b""
    address = names.get(name, names["default"])
    if address is None:
        return SERVER_FAILURE, b""
    if kind == A:
        return NO_ERROR, ipaddress.IPv4Address(address).packed
    if kind == TXT:
        text = (name.encode() * 100)[:99]
        return NO_ERROR, bytes([len(text)]) + text
    return NO_ERROR, b""


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        packet, socket = self.request
        if reply := answer(packet):
            socket.sendto(reply, self.client_address)


class Stream(socketserver.StreamRequestHandler):
    """Each message has its length before it."""

    def handle(self):
        while len(length := self.rfile.read(2)) == 2:
            reply = answer(self.rfile.read(int.from_bytes(length, "big")))
            self.wfile.write(len(reply).to_bytes(2, "big") + reply)


class Names(Handler):
    def do_PUT(self):
        names.update(json.loads(self.content()))
        self.reply(b"{}")


class Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    for server in (Udp(("", 53), Datagram), Tcp(("", 53), Stream)):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    serve(Names, 8053)


if __name__ == "__main__":
    main()
