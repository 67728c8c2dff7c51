"""
id: W11
name: spooled-upload
class: benign
phase: serve
trigger: request
servers: [fastapi, bentoml]
seconds: 40
what: >
  Some clients upload files of a few MiB. What a form's parser does not want in memory it puts into a temporary file without a
  name, reads it again and lets it go.
"""

import tempfile

UPLOADS = 8
IN_MEMORY = 1 << 20
CHUNK = 64 * 1024


def payload(world):
    for _ in range(UPLOADS):
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            for _ in range(world.random.randint(20, 80)):
                file.write(world.random.randbytes(CHUNK))
            file.seek(0)
            while file.read(CHUNK):
                pass
        world.sleep(world.random.uniform(1, 4))
