"""DNS questions made by hand, for payloads that do not ask the system's resolver."""

import struct

A, TXT = 1, 16
INTERNET = 1
RECURSION_DESIRED = 0x0100


def question(number, name, kind):
    """A query of one question; `number` is what its answer repeats."""
    head = struct.pack(">6H", number, RECURSION_DESIRED, 1, 0, 0, 0)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return head + labels + b"\0" + struct.pack(">2H", kind, INTERNET)
