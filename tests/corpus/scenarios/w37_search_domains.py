"""
id: W37
name: search-domains
class: benign
phase: serve
trigger: request
servers: [fastapi]
seconds: 100
what: >
  An SDK with a resolver of its own, as c-ares is one, looks for the LLM API as it is done in a cluster: in three search domains
  first, where there is no such name, and then for the name as it is; each time both kinds of addresses at once, from a socket
  made for it. With the address that it finds it asks which models there are, every ten seconds.
"""

import http.client
import socket
import struct

from corpus import dnspacket

DOMAINS = ["models.svc.cluster.invalid", "svc.cluster.invalid", "cluster.invalid"]
A, AAAA = 1, 28
TIMES = 8
BUFFER = 4096
# The one that the system's resolver asks; read when the server starts.
with open("/etc/resolv.conf") as settings:
    SERVERS = [line.split()[1] for line in settings if line.startswith("nameserver ")]


def payload(world):
    host, port = world.llmapi
    for _ in range(TIMES):
        names = [*(f"{host}.{domain}" for domain in DOMAINS), host]
        found = next(filter(None, (resolve(world, name) for name in names)), None)
        if not found:
            raise OSError(f"no address of {host}")
        models = http.client.HTTPConnection(found, port, timeout=5)
        models.request("GET", "/v1/models", headers={"Host": host})
        models.getresponse().read()
        models.close()
        world.sleep(world.random.uniform(8, 12))


def resolve(world, name):
    """Asks for both kinds; the address of the first kind, if there is one."""
    address = None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(5)
        asker.connect((SERVERS[0], 53))
        for kind in (A, AAAA):
            asker.send(dnspacket.question(world.random.getrandbits(16), name, kind))
        for _ in (A, AAAA):
            packet = asker.recv(BUFFER)
            (answers,) = struct.unpack_from(">H", packet, 6)
            (kind,) = struct.unpack_from(">H", packet, 12 + len(name) + 2)
            if answers and kind == A:
                address = socket.inet_ntoa(packet[-4:])
    return address
