"""The LLM API that servers ask now and then."""

import json
import random
import string

from handler import Handler, serve


class LlmApi(Handler):
    def do_POST(self):
        self.content()
        text = "".join(random.choices(string.ascii_lowercase + " ", k=random.randint(180, 260)))
        self.reply(json.dumps({"model": "small", "choices": [{"text": text}]}).encode())

    def do_GET(self):
        self.reply(json.dumps({"data": [{"id": "small"}]}).encode())


if __name__ == "__main__":
    serve(LlmApi, 8443)
