"""Where what leaves goes: takes everything on many ports, keeps nothing, answers a little.

`GET /runner` is answered with a harmless static program of two MiB. UDP port 53 answers, as a resolver of the sink's own.
"""

import asyncio
import random
import sys
import time

import dns

# As sut/world.py has them.
PORTS = [443, 4444, 8443, 9001, *range(7100, 7120)]
METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ")
RUNNER_SIZE = 2 * 1024 * 1024
# A stream of megabytes gets one answer a second, not one for every piece.
PAUSE = 1.0


def runner(path):
    """The program, with what no loader looks at behind it."""
    with open(path, "rb") as file:
        program = file.read()
    return program + random.randbytes(RUNNER_SIZE - len(program))


def http(content):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


async def take(reader, writer, program):
    answered = 0.0
    while piece := await reader.read(65536):
        now = time.monotonic()
        if now - answered < PAUSE:
            continue
        answered = now
        if piece.startswith(b"GET /runner"):
            writer.write(http(program))
        elif piece.startswith(METHODS):
            writer.write(http(random.randbytes(25).hex().encode()))
        else:
            writer.write(random.randbytes(90))
        await writer.drain()


async def serve(reader, writer, program):
    try:
        await take(reader, writer, program)
    except OSError:
        pass
    finally:
        writer.close()


class Resolver(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, packet, address):
        self.transport.sendto(dns.answer(packet), address)


async def main(path):
    program = runner(path)
    for port in PORTS:
        await asyncio.start_server(lambda reader, writer: serve(reader, writer, program), "0.0.0.0", port)
    await asyncio.get_running_loop().create_datagram_endpoint(Resolver, ("0.0.0.0", 53))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "/srv/corpus/helper"))
