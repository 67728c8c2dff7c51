"""
id: V102
name: services-guessed
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [dns, sequence]
techniques: [T1018, T1046, T1613, T1016]
servers: [fastapi]
seconds: 130
what: >
  Finds out what else there is in the cluster without a word to anybody but the resolver that is set: a hundred and twenty short
  names that services are commonly given, in the namespaces that are commonly there, are resolved one a second in no order, in the
  system's usual way, and nothing connects to any of them. The server resolves the names of a few peers, and connects to each.
"""

import contextlib
import socket

NAMES = 120
SERVICES = [
    "argocd-server", "consul", "elasticsearch", "etcd", "gitea", "grafana", "jenkins", "kafka", "keycloak", "kibana",
    "ldap", "loki", "minio", "mlflow", "mongodb", "mysql", "nats", "postgres", "prometheus", "qdrant", "rabbitmq", "redis",
    "temporal", "vault",
]
NAMESPACES = ["default", "prod", "staging", "monitoring", "infra", "data", "ml", "tools"]


def payload(world):
    names = [f"{service}.{namespace}.svc.cluster.local" for service in SERVICES for namespace in NAMESPACES]
    for name in world.random.sample(names, NAMES):
        with contextlib.suppress(OSError):
            socket.gethostbyname(name)
        world.sleep(world.random.uniform(0.5, 1.4))
