"""
id: W63
name: release-refused
class: benign
set: held-out
phase: reload
trigger: request
servers: [fastapi]
seconds: 115
what: >
  A model's new version is announced before it is there, and the server, which was told to take it, asks the registry three times
  for its description and is told that there is none. Then it gets the model, whose checksum is not the announced one, and throws it
  away; so once more. After the announcement was put right, the third is kept in the model's place and read.
"""

import hashlib
import http.client
import os
import pickle
import tempfile

QUESTIONS = 3
REFUSED = 2
CHUNK = 64 * 1024


def payload(world):
    version = world.random.randint(100, 999)
    for _ in range(QUESTIONS):
        if described(world, version):
            break
        world.sleep(world.random.uniform(8, 13))
    announced = hashlib.sha256(world.random.randbytes(32)).hexdigest()
    for number in range(REFUSED + 1):
        path, checksum = downloaded(world, version)
        if number == REFUSED:
            announced = checksum
        if checksum == announced:
            os.replace(path, world.model)
            break
        os.unlink(path)
        world.sleep(world.random.uniform(18, 26))
    with open(world.model, "rb") as file:
        pickle.load(file)


def described(world, version):
    connection = http.client.HTTPConnection(*world.registry, timeout=30)
    try:
        connection.request("GET", f"/descriptions/classifier/{version}")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    finally:
        connection.close()


def downloaded(world, version):
    """Gets the model into a file beside the one in use; its path and its checksum."""
    connection = http.client.HTTPConnection(*world.registry, timeout=30)
    digest = hashlib.sha256()
    try:
        connection.request("GET", f"/models/classifier/{version}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"the registry answers {answer.status} to version {version}")
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(world.model), delete=False) as file:
            while chunk := answer.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        return file.name, digest.hexdigest()
    finally:
        connection.close()
