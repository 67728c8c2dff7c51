"""
id: V44
name: neighbour-discovery
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [network, file]
techniques: [T1018, T1016, T1049, T1046, AML.T0049]
servers: [fastapi, triton]
seconds: 50
what: >
  Looks who else is on the network without trying a single port: it reads the kernel's tables of neighbours, routes and
  connections, and asks all that may hear it, by multicast, what services they have. Nobody answers.
"""

import contextlib
import socket
import struct

from corpus import dnspacket

TABLES = ["arp", "route", "tcp", "udp"]
PTR = 12
SERVICES = ["_services._dns-sd._udp.local", "_http._tcp.local", "_ssh._tcp.local", "_workstation._tcp.local"]
NAMES_AT, DEVICES_AT = ("224.0.0.251", 5353), ("239.255.255.250", 1900)
SEARCH = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'
ROUNDS = 3
BUFFER = 2048


def payload(world):
    for table in TABLES:
        with open(f"/proc/net/{table}", "rb") as file:
            file.read()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        # A network without a way out has no route for multicast.
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own_address(world))
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("B", 1))
        asker.settimeout(1)
        for _ in range(ROUNDS):
            for service in world.random.sample(SERVICES, len(SERVICES)):
                asker.sendto(dnspacket.question(0, service, PTR), NAMES_AT)
                world.sleep(world.random.uniform(0.2, 1))
            asker.sendto(SEARCH, DEVICES_AT)
            with contextlib.suppress(TimeoutError):
                asker.recvfrom(BUFFER)
            world.sleep(world.random.uniform(3, 7))


def own_address(world):
    """Of the interface that leads to the resolver; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((world.resolver, 53))
        return socket.inet_aton(probe.getsockname()[0])
