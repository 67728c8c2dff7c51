"""HTTP as the peers speak it: connections that are kept, answers of known length, no messages."""

import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def content(self):
        """What was sent with the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, content, status=200, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def serve(handler, port, address=""):
    http.server.ThreadingHTTPServer((address, port), handler).serve_forever()


def serve_beside(handler, port, address=""):
    """As `serve`, once it listens, in a thread."""
    server = http.server.ThreadingHTTPServer((address, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
