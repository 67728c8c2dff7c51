"""
id: W02
name: late-library-files
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 5
what: >
  At a first request of a kind, libraries look for what they had no need of before: the data of a time zone, the list of
  file types, the certificates that are trusted. Some of it is not there, which they take well.
"""

import contextlib
import mimetypes
import ssl
import zoneinfo

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Perth", "Africa/Lagos"]


def payload(world):
    with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError):
        zoneinfo.ZoneInfo(world.random.choice(ZONES))
    mimetypes.init()
    ssl.create_default_context()
