"""
id: W62
name: statsd-turned-on
class: benign
phase: serve
trigger: request
servers: [fastapi]
seconds: 105
what: >
  An operator turns on what the server's library for metrics can do with StatsD: to find out in which container it is, it reads what
  its own process says of that, and then sends counters and timings as datagrams to an agent beside it, on the container's own
  loopback, three or so a second. The agent is not set up yet; what cannot be sent is dropped, and the socket made anew.
"""

import socket

PORTS = [8125, 8126, 9125]
DATAGRAMS = 300
# What fits into a packet of Ethernet, as the libraries have it.
LARGEST = 1432


def payload(world):
    for name in ("cgroup", "mountinfo"):
        with open(f"/proc/self/{name}") as file:
            file.read()
    address = ("127.0.0.1", world.random.choice(PORTS))
    names = [f"{world.word(5)}.{world.word()}" for _ in range(12)]
    agent = connected(address)
    try:
        for _ in range(DATAGRAMS):
            try:
                agent.send(datagram(world, names))
            except OSError:
                agent.close()
                agent = connected(address)
            world.sleep(world.random.uniform(0.1, 0.5))
    finally:
        agent.close()


def connected(address):
    agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    agent.setblocking(False)
    agent.connect(address)
    return agent


def datagram(world, names):
    lines = []
    for name in world.random.choices(names, k=world.random.randint(1, 24)):
        if world.random.random() < 0.5:
            lines.append(f"{name}:{world.random.randint(1, 9)}|c|#env:prod,model:classifier")
        else:
            lines.append(f"{name}:{world.random.uniform(0.5, 80):.2f}|ms|#env:prod,model:classifier")
    return "\n".join(lines).encode()[:LARGEST]
