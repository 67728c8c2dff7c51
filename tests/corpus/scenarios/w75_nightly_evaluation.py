"""
id: W75
name: nightly-evaluation
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi]
seconds: 120
what: >
  Once a day the server finds out whether the LLM API answers as well as yesterday: 140 questions of a fixed list, each with some
  worked examples before it, 1 to 4 KB, are asked four at a time over connections of the evaluation's own. Each answer is compared
  with the expected one and noted in a file under /tmp, which is read again for the summary and removed.
"""

import concurrent.futures
import difflib
import http.client
import json
import os
import string
import tempfile

QUESTIONS = 140
WORKERS = 4


def payload(world):
    cases = [case(world, number) for number in range(QUESTIONS)]
    descriptor, path = tempfile.mkstemp(prefix="evaluation-", suffix=".jsonl")
    os.close(descriptor)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        shares = [cases[number::WORKERS] for number in range(WORKERS)]
        list(pool.map(lambda share: work(world, share, path), shares))
    with open(path) as file:
        scores = [json.loads(line)["score"] for line in file]
    os.unlink(path)
    if len(scores) != QUESTIONS:
        raise ValueError(f"{len(scores)} questions were answered")


def case(world, number):
    examples = "\n\n".join(text(world, 200, 800) for _ in range(world.random.randint(4, 6)))
    return {
        "number": number,
        "body": json.dumps({"model": "small", "max_tokens": 64, "prompt": f"{examples}\n\n{text(world, 60, 200)}"}),
        "expected": text(world, 180, 260),
        "pause": world.random.uniform(1.6, 3.2),
    }


def text(world, least, most):
    return "".join(world.random.choices(string.ascii_lowercase + " ", k=world.random.randint(least, most)))


def work(world, cases, path):
    connection = http.client.HTTPConnection(*world.llmapi, timeout=10)
    for item in cases:
        connection.request("POST", "/v1/completions", item["body"], {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())["choices"][0]["text"]
        score = difflib.SequenceMatcher(None, answer, item["expected"], autojunk=False).quick_ratio()
        with open(path, "a") as file:
            file.write(json.dumps({"number": item["number"], "answer": answer, "score": score}) + "\n")
        world.sleep(item["pause"])
    connection.close()
