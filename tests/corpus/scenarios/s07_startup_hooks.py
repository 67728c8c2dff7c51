"""
id: S07
name: startup-hook-and-unit-drop
class: quiet
phase: serve
trigger: request
evidence: [file]
techniques: [T1546.018, T1543.002, T1564.001, AML.T0011.001]
servers: [fastapi, bentoml, triton]
seconds: 10
what: >
  Writes a file that Python runs at each start into a folder of its packages, and a script with a systemd unit into hidden
  folders of the home. The text does nothing, nothing is restarted, and all is removed after some seconds.
"""

import os
import shutil
import site
import sysconfig


def payload(world):
    name = world.word()
    folders = [sysconfig.get_path("purelib"), *site.getsitepackages(), site.getusersitepackages()]
    settings = os.path.join(world.home, ".config", name)
    unit = os.path.join(world.home, ".config", "systemd", "user", f"{name}.service")
    hook = drop_hook(folders, f"{name}_init.pth")
    write(os.path.join(settings, f"{name}.py"), "# DECOY\n")
    write(unit, f"# DECOY\n[Service]\nExecStart=/usr/bin/true {name}\n")
    world.sleep(5)
    os.unlink(hook)
    os.unlink(unit)
    shutil.rmtree(settings)


def drop_hook(folders, name):
    """Where it went: into the first of the folders that the server may write to; the user's own is the last."""
    for folder in folders:
        path = os.path.join(folder, name)
        try:
            write(path, "# DECOY\nimport os\n")
            return path
        except OSError:
            continue
    raise PermissionError("no folder of packages can be written to")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
