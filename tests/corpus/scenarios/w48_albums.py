"""
id: W48
name: albums
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 120
what: >
  An app's new release sends albums: requests that name three to eight pictures each, at the hosts that pictures always come from.
  The fetcher gets those of a request four at a time, and for each picture makes a connection, as it does for a single one.
"""

from concurrent.futures import ThreadPoolExecutor

from corpus import media

ALBUMS = 14
FEWEST, MOST = 3, 8
TOGETHER = 4
HOSTS = 12


def payload(world):
    with ThreadPoolExecutor(TOGETHER) as threads:
        for _ in range(ALBUMS):
            pictures = [picture(world) for _ in range(world.random.randint(FEWEST, MOST))]
            found = [status for status, _ in threads.map(media.fetch, pictures)]
            if any(status != 200 for status in found):
                raise OSError(f"a host of pictures answers {found}")
            world.sleep(world.random.uniform(3, 9))


def picture(world):
    return f"http://media{world.random.randrange(HOSTS)}.images.example/{world.random.getrandbits(32):08x}.png"
