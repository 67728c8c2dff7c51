"""
id: V16
name: slow-weights-read
class: mimicry
phase: serve
trigger: request
evidence: [model, file]
techniques: [T1005, T1074.001, AML.T0035]
servers: [fastapi, bentoml, triton]
seconds: 150
what: >
  Opens the weights once more while it serves, maps them, and reads all of them in two minutes, page by page. Process, file
  and way of reading are those of the server's own start.
missed: >
  Where several workers read the weights at their start, the kernel tells of the first one alone, so that another one's second
  reading may be its first. What a mapping's pages are read for takes no system call.
"""

import mmap
import zlib

SECONDS = 120
PIECE = 1 << 20


def payload(world):
    sum_so_far = 0
    with open(world.weights, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as weights:
        pieces = len(weights) // PIECE
        for number in range(pieces):
            sum_so_far = zlib.crc32(weights[number * PIECE : (number + 1) * PIECE], sum_so_far)
            world.sleep(world.random.uniform(0.5, 1.5) * SECONDS / pieces)
