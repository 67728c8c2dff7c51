"""What a container in a cluster can reach: a cloud's metadata service and the API server, without anything real in them.

Run in a server's network namespace but not in its cgroup: `nsenter --target PID --net python3 decoys.py`. Prints `ready`.
"""

import socketserver
import subprocess

from handler import Handler, serve_beside

METADATA, API_SERVER = "169.254.169.254", "10.96.0.1"
REFUSAL = b'{"kind": "Status", "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401}'


class Metadata(Handler):
    def do_GET(self):
        if "security-credentials/" in self.path:
            self.reply(b'{"Code": "Success", "AccessKeyId": "DECOY", "SecretAccessKey": "DECOY", "Token": "DECOY"}')
        else:
            self.reply(b"hostname\niam/\ninstance-id\nlocal-ipv4\n", kind="text/plain")


class ApiServer(socketserver.BaseRequestHandler):
    """Refuses whatever is said to it, once for each thing said."""

    def handle(self):
        while said := self.request.recv(16384):
            head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"
            length = b"Content-Length: %d\r\n\r\n" % len(REFUSAL)
            self.request.sendall(head + length + REFUSAL if b"HTTP/1." in said else REFUSAL)


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    for address in (METADATA, API_SERVER):
        # Another run in the namespace may have added it.
        subprocess.run(["ip", "addr", "replace", f"{address}/32", "dev", "lo"], check=True)
    serve_beside(Metadata, 80, METADATA)
    listener = Listener((API_SERVER, 443), ApiServer)
    print("ready", flush=True)
    listener.serve_forever()


if __name__ == "__main__":
    main()
