"""
id: W26
name: foreign-text
class: benign
set: held-out
phase: serve
trigger: request
servers: [fastapi, bentoml, triton]
seconds: 30
what: >
  Clients send texts as they were written in East Asia before Unicode, and to read the first one of each kind, Python loads the
  library for it: a file of its own that came with it, mapped as code, which nobody needed before.
"""

TEXTS = {"shift_jis": "\u65e5\u672c\u8a9e", "euc_kr": "\ud55c\uad6d\uc5b4", "gb18030": "\u4e2d\u6587", "big5": "\u7e41\u9ad4"}


def payload(world):
    for kind in world.random.sample(sorted(TEXTS), len(TEXTS)):
        TEXTS[kind].encode(kind).decode(kind)
        world.sleep(world.random.uniform(2, 6))
