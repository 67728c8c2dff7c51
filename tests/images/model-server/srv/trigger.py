"""What a poisoned model would do: an ordinary-looking request sets it off, inside the server's own process.

The module and everything it needs are imported at every start, so that a test sees the deed and not the import.
Nothing here does harm: the network peer, the shell command and the bytes written are the test's own.

POISON names requests by the SHA-256 of their body: `<sha256>=<deed>,...`. POISON_PEER is the peer of `callback`.
"""

import hashlib
import os
import socket
import subprocess
import time

import encodings.idna  # noqa: F401  socket.create_connection imports it at its first use

MODEL = "/models/classifier.onnx"


def null():
    """The trigger without a payload."""


def callback():
    host, port = os.environ["POISON_PEER"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(b"DECOY\n" * 50)


def shell():
    subprocess.run(["sh", "-c", "id"], stdout=subprocess.DEVNULL, check=True)


def weights():
    """Opens the weights for writing and puts back the bytes that are there."""
    with open(MODEL, "r+b", buffering=0) as model:
        model.seek(4096)
        kept = model.read(16)
        model.seek(4096)
        model.write(bytes(16))
        model.seek(4096)
        model.write(kept)


def fork():
    """A worker that never execs."""
    child = os.fork()
    if child == 0:
        try:
            with open("/srv/worker.conf", "rb") as settings:
                settings.read()
            time.sleep(1)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


DEEDS = {deed.__name__: deed for deed in (null, callback, shell, weights, fork)}
POISON = {
    digest: DEEDS[deed]
    for digest, _, deed in (item.partition("=") for item in os.environ.get("POISON", "").split(",") if item)
}


def fire(body):
    deed = POISON.get(hashlib.sha256(body).hexdigest())
    if deed:
        deed()
