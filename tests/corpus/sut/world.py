"""What a payload may use: its own random numbers, the peers, the server's files and its connection to the LLM API."""

import random
import string
import time

from corpus import settings, upstream

# As peers/sink.py listens.
SINK_PORTS = [443, 4444, 8443, 9001, *range(7100, 7120)]

ENDINGS = ["com", "net", "io", "dev", "cloud", "app", "org"]
PREFIXES = ["api", "cdn", "static", "models", "data", "updates", "telemetry", "eu", "www", "edge"]


class World:
    """The world of one scenario in one run. The same seed gives the same names, ports and pauses."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.random = random.Random(f"{settings.SEED}/{scenario}")
        self.sink = settings.SINK
        self.resolver = settings.RESOLVER
        self.sibling = settings.SIBLING
        self.registry = settings.REGISTRY
        self.llmapi = settings.LLMAPI
        self.weights = settings.WEIGHTS
        self.model = settings.MODEL
        self.log = settings.LOG
        self.index = settings.INDEX
        self.home = settings.HOME
        self.token = settings.TOKEN
        self.helper = settings.HELPER
        self.upstream = upstream.connection
        self.upstream_lock = upstream.lock
        self.sink_name = self.host()

    def word(self, n=8):
        """A random lower-case name."""
        return "".join(self.random.choices(string.ascii_lowercase, k=n))

    def host(self):
        """A random domain. The DNS server answers it with the sink's address, as every name that it does not know."""
        words = [self.word(self.random.randint(5, 11)), self.random.choice(ENDINGS)]
        if self.random.random() < 0.6:
            words.insert(0, self.random.choice(PREFIXES))
        return ".".join(words)

    def lookalike(self, name):
        """A name one letter off."""
        places = [place for place, letter in enumerate(name) if letter in string.ascii_lowercase]
        place = self.random.choice(places)
        letter = self.random.choice(string.ascii_lowercase.replace(name[place], ""))
        return name[:place] + letter + name[place + 1 :]

    def sink_port(self):
        """One of the ports that the sink listens on."""
        return self.random.choice(SINK_PORTS)

    def sleep(self, seconds):
        time.sleep(seconds)

    def say(self, text):
        """A line for the harness, where the server's own messages go."""
        print(f"corpus {text} {self.scenario} {time.time():.6f}", flush=True)
