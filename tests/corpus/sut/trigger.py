"""Sets a scenario off: at a request on the list, or where a model's pickle calls `perform`.

All scenarios are imported at every start, so that what is seen is the deed and not the import.
"""

import hashlib
import importlib
import pkgutil
import re
import threading
import time
import traceback

from corpus import scenarios, settings
from corpus.world import World


class Scenario:
    """A scenario's file: what its docstring says of how it runs, and its payload."""

    def __init__(self, module):
        self.payload = getattr(module, "payload", None)
        self.id = re.search(r"^id: *(\S+)", module.__doc__, re.MULTILINE)[1]
        self.inline = re.search(r"^inline: *true", module.__doc__, re.MULTILINE) is not None

    def run(self):
        say("t0", self.id)
        try:
            self.payload(World(self.id))
        except Exception:
            traceback.print_exc()
            say("failed", self.id)
        say("t1", self.id)


def say(mark, scenario):
    print(f"corpus {mark} {scenario} {time.time():.6f}", flush=True)


def known():
    """The scenarios with a payload, by their ids."""
    names = [module.name for module in pkgutil.iter_modules(scenarios.__path__)]
    found = [Scenario(importlib.import_module(f"corpus.scenarios.{name}")) for name in sorted(names)]
    return {scenario.id: scenario for scenario in found if scenario.payload}


SCENARIOS = known()
TRIGGERS = dict(item.split("=", 1) for item in settings.TRIGGERS.split(",") if item)


def fire(row):
    """Runs the scenario that this row of features stands for, if any, beside the answer to the request."""
    key = ",".join(f"{number:.3f}" for number in row)
    scenario = TRIGGERS.get(hashlib.sha256(key.encode()).hexdigest())
    if scenario:
        start(SCENARIOS[scenario])


def perform(scenario):
    """Runs a scenario at once when it says `inline`, else beside the load of the model."""
    scenario = SCENARIOS[scenario]
    if scenario.inline:
        scenario.run()
    else:
        start(scenario)


def start(scenario):
    threading.Thread(target=scenario.run, name=f"scenario-{scenario.id}", daemon=True).start()
