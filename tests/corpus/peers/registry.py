"""The model registry: hands out pickles of 8 MiB, and takes what is uploaded without keeping it.

`PUT /plan {"client": ip, "scenario": id}` poisons that client's next one.
"""

import json
import pickle
import random

from handler import Handler, serve

SIZE = 8 * 1024 * 1024

plans = {}


def item(value):
    """The opcodes that put a value on the unpickler's stack: a pickle of it without its frame of two bytes and one."""
    return pickle.dumps(value, protocol=3)[2:-1]


def call(module, name, *arguments):
    """The opcodes of `module.name(*arguments)`, as `__reduce__` writes them; this process needs no such module."""
    return f"c{module}\n{name}\n(".encode() + b"".join(map(item, arguments)) + b"tR"


def model(version, scenario):
    """A pickled dictionary with quantised weights, and with a call of the scenario's payload when there is one."""
    weights = random.Random(version).randbytes(SIZE)
    entries = {
        "version": item(version),
        "format": call("corpus.trigger", "perform", scenario) if scenario else item(None),
        "weights": call("numpy", "frombuffer", weights, "i1"),
    }
    return b"\x80\x03}(" + b"".join(item(name) + value for name, value in entries.items()) + b"u."


class Registry(Handler):
    def do_GET(self):
        folder, _, version = self.path.rpartition("/")
        if not folder.startswith("/models/"):
            self.reply(b"{}", 404)
            return
        scenario = plans.pop(self.client_address[0], None)
        self.reply(model(version, scenario), kind="application/octet-stream")

    def do_PUT(self):
        content = self.content()
        if self.path == "/plan":
            plan = json.loads(content)
            plans[plan["client"]] = plan["scenario"]
        self.reply(b"{}")


if __name__ == "__main__":
    serve(Registry, 9000)
