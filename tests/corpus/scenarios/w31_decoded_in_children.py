"""
id: W31
name: decoded-in-children
class: benign
set: listed
phase: serve
trigger: request
servers: [fastapi]
seconds: 90
what: >
  Some clients send pictures, and the library that decodes them does it in a process of its own for each, so that a broken one
  harms nobody: a fork with less memory and processor time than the server may have, which gives back what it found through a
  pipe. Of fourteen, two do not end and are killed.
"""

import hashlib
import multiprocessing
import resource
import time
import zlib

PICTURES = 14
BROKEN = 2
PIXELS = 24 << 20
PROCESSOR_SECONDS = 10
MEMORY = 8 << 30
PATIENCE = 4
LONG = 60

# Python's default here, but for which the library would have said so.
way = multiprocessing.get_context("fork")


def payload(world):
    picture = zlib.compress(bytes(PIXELS))
    broken = world.random.sample(range(PICTURES), BROKEN)
    for number in range(PICTURES):
        decode(picture, number in broken)
        world.sleep(world.random.uniform(2, 6))


def decode(picture, broken):
    """The digest of the pixels, or nothing for a picture that takes too long."""
    results, result = way.Pipe(duplex=False)
    child = way.Process(target=work, args=(picture, broken, result))
    child.start()
    result.close()
    found = results.recv() if results.poll(PATIENCE) else None
    # A gentler signal would reach the server too, whose handlers a fork shares.
    child.kill()
    child.join()
    child.close()
    results.close()
    if not found and not broken:
        raise TimeoutError("a picture was not decoded")


def work(picture, broken, result):
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if broken:
        time.sleep(LONG)
    result.send(hashlib.sha256(zlib.decompress(picture)).hexdigest())
