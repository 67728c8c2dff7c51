"""What TLS looks like from outside: a genuine ClientHello, then records. Nothing is encrypted and no server is verified."""

import contextlib
import socket
import ssl
import struct

import encodings.idna  # noqa: F401  resolving a name imports it at its first use

RECORD_BYTES = 16384

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def hello(name):
    """The first flight of a client that asks for `name`."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def records(data):
    """`data` in records of application data."""
    pieces = [data[at : at + RECORD_BYTES] for at in range(0, len(data), RECORD_BYTES)]
    return b"".join(b"\x17\x03\x03" + struct.pack(">H", len(piece)) + piece for piece in pieces)


@contextlib.contextmanager
def connection(host, port, name, timeout=5):
    """A connection that has said its hello and taken what answer came."""
    with socket.create_connection((host, port), timeout=timeout) as peer:
        peer.sendall(hello(name))
        take(peer)
        yield peer


def take(peer, patience=1):
    """What the peer answers, if it does so in time."""
    peer.settimeout(patience)
    with contextlib.suppress(TimeoutError):
        return peer.recv(4096)
    return b""
