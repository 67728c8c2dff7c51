"""Programs and libraries in files that have no name in any directory."""

import os


def copy(path, name=""):
    """The descriptor of such a file with what is at `path`."""
    descriptor = os.memfd_create(name)
    with open(path, "rb") as source:
        data = memoryview(source.read())
    while data:
        data = data[os.write(descriptor, data) :]
    return descriptor
