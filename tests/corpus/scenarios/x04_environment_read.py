"""
id: X04
name: environment-read
class: blind
phase: serve
trigger: request
evidence: []
techniques: [T1552.001, AML.T0055]
servers: [fastapi, bentoml, triton]
seconds: 1
limit: What happens within the process and its memory
what: >
  Reads the whole environment and does nothing with it. That takes no system call.
"""

import os


def payload(world):
    return dict(os.environ)
