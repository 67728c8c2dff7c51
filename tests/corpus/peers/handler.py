"""HTTP as the peers speak it: connections that are kept, answers of known length, no messages."""

import http.server
import socketserver
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


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        # HTTPServer asks the DNS for the name of its address, which takes long where none answers.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


def serve(handler, port, address=""):
    Server((address, port), handler).serve_forever()


def serve_beside(handler, port, address=""):
    """As `serve`, but in a thread. It listens when this returns."""
    threading.Thread(target=Server((address, port), handler).serve_forever, daemon=True).start()
