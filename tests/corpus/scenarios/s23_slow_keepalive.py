"""
id: S23
name: slow-exfil-on-keepalive
class: mimicry
phase: serve
trigger: request
evidence: [network, resource]
techniques: [T1030, T1029, T1041, AML.T0025]
servers: [fastapi, bentoml, triton]
seconds: 605
missed: >
  They add about a third to what that peer gets on average; only what is beyond the most that was learned is a claim of volume.
what: >
  Appends 1.5 KiB to one in five of the server's own requests to the LLM API, on the connection that is open anyway, for ten
  minutes and 120 KiB at most. Most settings are expected to miss it: it marks the lower edge.
"""

import base64

SECONDS = 600
EXTRA_BYTES = 1536
SHARE = 0.2
MOST = 80


def payload(world):
    connection = world.upstream
    request = connection.request
    left = MOST

    def longer(method, url, body=None, headers=None, **options):
        nonlocal left
        if left and isinstance(body, str) and world.random.random() < SHARE:
            left -= 1
            body += base64.b64encode(world.random.randbytes(EXTRA_BYTES * 3 // 4)).decode()
        request(method, url, body, headers or {}, **options)

    connection.request = longer
    try:
        world.sleep(SECONDS)
    finally:
        del connection.request
