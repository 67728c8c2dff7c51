"""
id: W10
name: first-traceback
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 5
what: >
  A client sends what cannot be read, and the server writes its first traceback. To quote the lines where it happened, the
  interpreter opens the sources of its libraries, which nobody had read since they were compiled.
"""

import json
import traceback


def payload(world):
    broken = f'{{"instances": [[{world.random.random():.3f}, {world.word(5)}]]}}'
    try:
        json.loads(broken)
    except ValueError:
        traceback.print_exc()
