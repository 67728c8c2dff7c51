"""
id: V29
name: started-by-linker
class: loud
set: held-out
phase: serve
trigger: request
evidence: [process, file]
techniques: [T1218, T1036.005, T1059, AML.T0049]
servers: [fastapi]
seconds: 25
what: >
  Leaves a program in a hidden folder, without the right to be executed, and has the dynamic linker start it, as is done where
  that right is withheld. The linker is the system's, the program a copy of `sleep`, and it is removed afterwards.
"""

import os
import platform
import shutil
import subprocess

LINKER = "/lib/ld-linux-aarch64.so.1" if platform.machine() == "aarch64" else "/lib64/ld-linux-x86-64.so.2"


def payload(world):
    folder = os.path.join(world.random.choice(["/tmp", "/var/tmp", world.home]), f".{world.word()}")
    program = os.path.join(folder, world.word(6))
    os.mkdir(folder)
    try:
        shutil.copyfile("/bin/sleep", program)
        subprocess.run([LINKER, program, str(world.random.randint(8, 15))], check=True)
    finally:
        shutil.rmtree(folder)
