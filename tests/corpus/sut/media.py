"""The fetcher of pictures that requests name by address."""

import http.client
import urllib.parse

LIMIT = 1024 * 1024


def fetch(url):
    """Status and content of what is at an address, of any host."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=3)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        return answer.status, answer.read(LIMIT)
    finally:
        connection.close()
