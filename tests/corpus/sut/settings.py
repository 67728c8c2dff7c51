"""What the harness and the image say: peers by their addresses, files by their paths."""

import os

HOME = "/home/server"
HELPER = "/srv/corpus/helper"
INDEX = "/srv/data/index.db"
JOBS = "/jobs"
LOG = "/var/log/app/access.log"
MODEL = "/models/model.joblib"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
WEIGHTS = "/models/weights.bin"

SEED = os.environ.get("CORPUS_SEED", "0")
TRIGGERS = os.environ.get("CORPUS_TRIGGERS", "")
SINK = os.environ.get("CORPUS_SINK", "127.0.0.1")
RESOLVER = os.environ.get("CORPUS_RESOLVER", "127.0.0.1")
# The job API is on.
HAS_JOBS = os.environ.get("CORPUS_JOBS") == "1"


def peer(variable, default):
    """Host and port of a setting `host:port`."""
    host, _, port = os.environ.get(variable, default).rpartition(":")
    return host, int(port)


REGISTRY = peer("CORPUS_REGISTRY", "registry:9000")
LLMAPI = peer("CORPUS_LLMAPI", "llmapi:8443")
SIBLING = peer("CORPUS_SIBLING", "127.0.0.1:8081")
