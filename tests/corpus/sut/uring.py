"""Files and sockets through io_uring: the kernel does the work, and only io_uring_enter is called."""

import ctypes
import mmap
import os
import socket
import struct

from corpus import libc

ENTRIES = 4
GETEVENTS = 1
SUBMISSIONS_AT = 0x10000000
ENTRY_BYTES, COMPLETION_BYTES, PARAMETER_BYTES = 64, 16, 120
CURRENT_DIRECTORY = -100
NO_OFFSET = 0xFFFFFFFFFFFFFFFF
CONNECT, OPENAT, CLOSE, READ, SEND, SOCKET = 16, 18, 19, 22, 26, 45


class Ring:
    """One ring, used by one thread, with one operation under way at a time."""

    def __init__(self):
        parameters = ctypes.create_string_buffer(PARAMETER_BYTES)
        self.ring = libc.call("io_uring_setup", ENTRIES, parameters)
        entries, completions = struct.unpack_from("=2I", parameters)
        self.sq_tail, sq_mask, array = struct.unpack_from("=4xI I 12x I", parameters, 40)
        self.cq_head, _, self.cq_mask, _, _, self.cqes = struct.unpack_from("=6I", parameters, 80)
        # Rings and completions share one mapping since Linux 5.4.
        size = max(array + 4 * entries, self.cqes + COMPLETION_BYTES * completions)
        self.rings = mmap.mmap(self.ring, size)
        self.entries = mmap.mmap(self.ring, ENTRY_BYTES * entries, offset=SUBMISSIONS_AT)
        self.array, self.sq_mask = array, sq_mask

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.entries.close()
        self.rings.close()
        os.close(self.ring)

    def open(self, path):
        path = ctypes.create_string_buffer(os.fsencode(path))
        return self._do(OPENAT, CURRENT_DIRECTORY, address=path, flags=os.O_RDONLY | os.O_CLOEXEC)

    def read(self, descriptor, size):
        buffer = ctypes.create_string_buffer(size)
        got = self._do(READ, descriptor, offset=NO_OFFSET, address=buffer, length=size)
        return buffer.raw[:got]

    def socket(self):
        return self._do(SOCKET, socket.AF_INET, offset=socket.SOCK_STREAM)

    def connect(self, descriptor, host, port):
        address = struct.pack("=H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)
        self._do(CONNECT, descriptor, offset=len(address), address=ctypes.create_string_buffer(address))

    def send(self, descriptor, data):
        return self._do(SEND, descriptor, address=ctypes.create_string_buffer(data, len(data)), length=len(data))

    def close(self, descriptor):
        self._do(CLOSE, descriptor)

    def _do(self, operation, descriptor, offset=0, address=None, length=0, flags=0):
        """Submits one operation and waits for its result; `address` is kept alive until then."""
        tail = self._word(self.rings, self.sq_tail)
        slot = tail & self._word(self.rings, self.sq_mask)
        entry = struct.pack(
            "=BBHiQQIIQ24x", operation, 0, 0, descriptor, offset, ctypes.addressof(address) if address else 0, length, flags, tail
        )
        self.entries[slot * ENTRY_BYTES : (slot + 1) * ENTRY_BYTES] = entry
        struct.pack_into("=I", self.rings, self.array + 4 * slot, slot)
        struct.pack_into("=I", self.rings, self.sq_tail, (tail + 1) & 0xFFFFFFFF)
        libc.call("io_uring_enter", self.ring, 1, 1, GETEVENTS, None, 0)
        head = self._word(self.rings, self.cq_head)
        at = self.cqes + COMPLETION_BYTES * (head & self._word(self.rings, self.cq_mask))
        (result,) = struct.unpack_from("=8xi", self.rings, at)
        struct.pack_into("=I", self.rings, self.cq_head, (head + 1) & 0xFFFFFFFF)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    @staticmethod
    def _word(memory, at):
        return struct.unpack_from("=I", memory, at)[0]
