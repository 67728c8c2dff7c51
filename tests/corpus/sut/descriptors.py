"""The server's own sockets, found by trying its descriptors one after the other."""

import contextlib
import os
import socket

MOST = 256


def inherited():
    """A copy of each socket of TCP that this process has; the caller closes them."""
    for number in range(3, MOST):
        with contextlib.suppress(OSError):
            copy = socket.socket(fileno=os.dup(number))
            if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM:
                yield copy
            else:
                copy.close()


def listens(candidate):
    """Whether others can connect to it."""
    return candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0
