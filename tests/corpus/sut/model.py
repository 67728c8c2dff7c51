"""The server's model files: one that the registry hands out, and weights that are mapped."""

import http.client
import mmap
import os
import pickle
import random
import tempfile

from corpus import settings

PAGE = mmap.PAGESIZE
CHUNK = 64 * 1024


class Model:
    """What is loaded now."""

    def __init__(self):
        self.version = 0
        self.classifier = None
        self.weights = None

    def load(self, version=None):
        """Gets a version from the registry, by default the next, and reads it and the weights."""
        self.version = version or self.version + 1
        download(self.version)
        with open(settings.MODEL, "rb") as file:
            self.classifier = pickle.load(file)
        with open(settings.WEIGHTS, "rb") as file:
            self.weights = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def touch(self):
        """Reads a page or two of the weights, as a prediction does."""
        weights = self.weights
        pages = len(weights) // PAGE
        return sum(weights[random.randrange(pages) * PAGE] for _ in range(random.randint(1, 2)))


def download(version):
    """Writes a version beside the model and puts it in the model's place."""
    connection = http.client.HTTPConnection(*settings.REGISTRY, timeout=30)
    try:
        connection.request("GET", f"/models/classifier/{version}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"the registry answers {answer.status} to version {version}")
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(settings.MODEL), delete=False) as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
        os.replace(file.name, settings.MODEL)
    finally:
        connection.close()
