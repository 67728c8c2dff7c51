"""
id: N11
name: bytecode-cache
class: benign
phase: serve
trigger: request
seconds: 5
what: >
  A module that is imported at a request has its bytecode written beside it.
"""

import importlib


def payload(world):
    importlib.import_module("corpus.lazy")
