"""
id: V51
name: threads-piled-up
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [process, resource]
techniques: [T1499.003, T1499.004, AML.T0029]
servers: [fastapi]
seconds: 110
what: >
  Threads that wait for what never comes: two hundred and forty within half a minute, none of which ends for three quarters of a
  minute, as when requests are made to hang until the container may have no more tasks. They cost no processor time and send
  nothing; half the container's limit is left.
"""

import threading

THREADS = 240


def payload(world):
    never = threading.Event()
    threads = []
    try:
        for _ in range(THREADS):
            threads.append(threading.Thread(target=never.wait, daemon=True))
            threads[-1].start()
            world.sleep(world.random.uniform(0.05, 0.2))
        world.sleep(world.random.uniform(40, 55))
    finally:
        never.set()
    for thread in threads:
        thread.join()
