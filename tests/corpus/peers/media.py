"""A host of pictures: a few KB of what looks like a PNG under every name."""

import random

from handler import Handler, serve

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Media(Handler):
    def do_GET(self):
        picture = random.Random(self.path)
        self.reply(SIGNATURE + picture.randbytes(picture.randint(2000, 9000)), kind="image/png")


if __name__ == "__main__":
    serve(Media, 80)
