"""
id: V21
name: burst-miner
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [resource, process]
techniques: [T1496.001, AML.T0034]
servers: [fastapi, bentoml, triton]
seconds: 120
what: >
  Three threads hash together for some seconds, wait for longer, and begin again, four times: a miner that hides in the mean
  of its load. Nothing is sent and nothing is opened.
"""

from concurrent.futures import ThreadPoolExecutor

from corpus import effort

THREADS = 3
SHARE = 0.4
BURSTS = 4


def payload(world):
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(BURSTS):
            seconds = world.random.uniform(7, 10)
            burst = [pool.submit(effort.burn, seconds, SHARE) for _ in range(THREADS)]
            for hashing in burst:
                hashing.result()
            world.sleep(world.random.uniform(10, 18))
