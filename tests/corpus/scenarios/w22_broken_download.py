"""
id: W22
name: broken-download
class: benign
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 70
what: >
  An operator has a model loaded over a bad line: twice the connection to the registry breaks in the midst of it, what was
  written so far is thrown away, and after a pause the server begins again. The third time it gets all of it.
"""

import contextlib
import http.client
import os
import tempfile

from corpus import habits

CHUNK = 64 * 1024
LEAST, MOST = 1 << 20, 6 << 20
BREAKS = 2


def payload(world):
    for _ in range(BREAKS):
        download(world, world.random.randint(LEAST, MOST))
        world.sleep(world.random.uniform(4, 10))
    habits.reload(habits.model.version)


def download(world, breaks_at):
    """As the server's own, but it ends at this many bytes."""
    registry = http.client.HTTPConnection(*world.registry, timeout=30)
    registry.request("GET", f"/models/classifier/{habits.model.version}")
    answer = registry.getresponse()
    with contextlib.closing(registry), tempfile.NamedTemporaryFile(dir=os.path.dirname(world.model)) as file:
        while file.tell() < breaks_at:
            file.write(answer.read(CHUNK))
            world.sleep(0.05)
