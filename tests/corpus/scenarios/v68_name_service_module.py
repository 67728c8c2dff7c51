"""
id: V68
name: name-service-module
class: quiet
phase: serve
trigger: request
evidence: [file]
techniques: [T1574, T1546, T1556, AML.T0049]
servers: [fastapi]
seconds: 60
what: >
  Names a module of its own before the usual ways to find hosts and users, in the system's settings for that: whatever looks up a
  name from then on, the server among others, tries to load it. There is no such library, so that nothing is loaded and the usual
  ways are gone on to; the settings are as before after half a minute.
"""

import os
import socket

SETTINGS = "/etc/nsswitch.conf"
DATABASES = {"passwd": "files", "group": "files", "shadow": "files", "hosts": "files dns", "networks": "files"}
TIMES = 4


def payload(world):
    module = world.word(world.random.randint(4, 8))
    before = None
    if os.path.exists(SETTINGS):
        with open(SETTINGS) as file:
            before = file.read()
    try:
        put("".join(f"{name}:\t{module} {ways}\n" for name, ways in DATABASES.items()))
        for _ in range(TIMES):
            world.sleep(world.random.uniform(5, 10))
            # As the server does itself when it connects.
            socket.getaddrinfo(*world.llmapi, type=socket.SOCK_STREAM)
    finally:
        if before is None:
            os.unlink(SETTINGS)
        else:
            put(before)


def put(text):
    with open(f"{SETTINGS}.new", "w") as file:
        file.write(text)
    os.replace(f"{SETTINGS}.new", SETTINGS)
