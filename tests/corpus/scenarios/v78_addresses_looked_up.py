"""
id: V78
name: addresses-looked-up
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [dns, sequence]
techniques: [T1018, T1590.002, T1046]
servers: [fastapi, bentoml]
seconds: 130
what: >
  Draws a map of the network without a word to anybody on it: the resolver that is set is asked for the names of two hundred
  addresses around the registry's, one after the other within a minute and a half, as it is done where zones can be gone through
  backwards. The server asks for addresses of a few names and never for names.
missed: >
  The longest row of lookups that was learned may be half as long.
"""

import contextlib
import ipaddress
import socket

QUESTIONS = 200
BITS = 24


def payload(world):
    host, _ = world.registry
    network = ipaddress.ip_network(f"{socket.gethostbyname(host)}/{BITS}", strict=False)
    for address in world.random.sample(list(network.hosts()), QUESTIONS):
        # Hardly any address has a name.
        with contextlib.suppress(OSError):
            socket.gethostbyaddr(str(address))
        world.sleep(world.random.uniform(0.2, 0.7))
