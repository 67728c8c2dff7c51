"""Another replica's management port."""

from handler import Handler, serve


class Sibling(Handler):
    def do_GET(self):
        self.reply(b'{"models": [{"modelName": "classifier"}]}')

    def do_POST(self):
        self.content()
        self.reply(b'{"status": "registered"}')


if __name__ == "__main__":
    serve(Sibling, 8081)
