"""
id: V91
name: account-explored
class: mimicry
set: held-out
phase: serve
trigger: request
evidence: [network, sequence]
techniques: [T1526, T1087.004, T1619, T1530, AML.T0007, AML.T0036]
servers: [fastapi]
seconds: 130
what: >
  Looks through the server's account at the LLM API, and at what lies there: its models, members, keys, projects and bills, lists of
  files and of stored conversations, and then one after the other of these, ninety questions in two minutes on the connection that
  is open anyway. The server asks that peer something now and then, some hundred letters each time, and never for what it has.
missed: >
  Ninety short questions on the connection that is open anyway are few after the longest row of questions that was learned, and
  what is asked for is not read.
"""

import http.client

LISTS = [
    "models", "files", "batches", "assistants", "vector_stores", "fine_tuning/jobs", "chat/completions",
    "organization/users", "organization/projects", "organization/admin_api_keys", "organization/costs", "organization/audit_logs",
]
FILES, CONVERSATIONS = 40, 38


def payload(world):
    paths = [f"/v1/{name}?limit=100" for name in world.random.sample(LISTS, len(LISTS))]
    paths += [f"/v1/files/file-{world.word(24)}/content" for _ in range(FILES)]
    paths += [f"/v1/chat/completions/chatcmpl-{world.word(24)}/messages" for _ in range(CONVERSATIONS)]
    for path in paths:
        look(world, path)
        world.sleep(world.random.uniform(0.6, 1.8))


def look(world, path):
    with world.upstream_lock:
        try:
            world.upstream.request("GET", path)
            world.upstream.getresponse().read()
        except (OSError, http.client.HTTPException):
            world.upstream.close()
