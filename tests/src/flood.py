"""Makes system calls and opens new files, each in a process of its own, and prints how many a second."""

import json
import os
import sys
import time

seconds, calls, opens = (float(argument) for argument in sys.argv[1:4])


def call(number):
    os.getppid()


def open_new(number):
    name = str(number)
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    os.unlink(name)


def flood(name, rate, step):
    start = now = time.monotonic()
    made = 0
    while now < start + seconds:
        due = min(int((now - start) * rate), made + 2000)
        for number in range(made, due):
            step(number)
        if due <= made:
            time.sleep(0.001)
        made = max(made, due)
        now = time.monotonic()
    print(json.dumps({name: made / (now - start)}), flush=True)


deep = "/dev/shm/" + "/".join(["long" * 62] * 3)
os.makedirs(deep)
os.chdir(deep)
if os.fork() == 0:
    flood("calls", calls, call)
    os._exit(0)
flood("opens", opens, open_new)
os.wait()
