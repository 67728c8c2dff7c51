"""
id: N18
name: oom-kill
class: benign
phase: serve
trigger: harness
servers: [fastapi, bentoml]
steps:
  - payload: {}
  - load: {times: 1, seconds: 12}
  - restart: {}
  - load: {times: 1, seconds: 30}
what: >
  A batch is too large for the memory of the container: the kernel kills the process, and the container is started again.
"""


def payload(world):
    held = []
    while True:
        piece = bytearray(32 << 20)
        # Only what is touched takes memory.
        piece[:: 4096] = bytes(len(range(0, len(piece), 4096)))
        held.append(piece)
