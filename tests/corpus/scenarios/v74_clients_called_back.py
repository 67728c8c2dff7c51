"""
id: V74
name: clients-called-back
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, sequence]
techniques: [T1046, T1049, T1021, T1210]
servers: [fastapi]
seconds: 100
what: >
  Goes from the server to those who use it: the addresses of its clients are taken from the connections that they have with it,
  and a dozen ports of each are tried, by which one gets into machines. The hosts are known, but only ever as those who connect;
  the server has connected to none of them. Nobody is there who answers, and nothing is said.
"""

import contextlib
import socket

from corpus import descriptors

PORTS = [21, 22, 23, 135, 445, 2375, 3306, 3389, 5432, 5900, 5985, 6379, 8000, 8888, 9200, 10250]
EACH = 12
PATIENCE = 1.0


def payload(world):
    hosts = clients()
    if not hosts:
        raise OSError("no client has a connection")
    tries = [(host, port) for host in hosts for port in world.random.sample(PORTS, EACH)]
    world.random.shuffle(tries)
    for address in tries:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=PATIENCE):
            pass
        world.sleep(world.random.uniform(0.3, 1.0))


def clients():
    """The addresses of the other sides of connections to ports that the server listens on."""
    found, served = [], set()
    for own in descriptors.inherited():
        with own:
            if descriptors.listens(own):
                served.add(own.getsockname()[1])
            else:
                with contextlib.suppress(OSError):
                    found.append((own.getsockname()[1], own.getpeername()[0]))
    return sorted({host for port, host in found if port in served})
