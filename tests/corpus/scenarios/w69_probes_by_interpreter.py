"""
id: W69
name: probes-by-interpreter
class: benign
set: listed
phase: serve
trigger: harness
servers: [fastapi]
steps:
  - exec: {command: [python3, -c, "import os; os.stat('/models/model.joblib')"], every: 6, times: 6}
  - load: {times: 2, seconds: 12}
  - exec: {command: [sh, -c, "test -s /models/weights.bin && test -w /tmp && head -n 1 /proc/loadavg"], every: 5, times: 5}
  - exec: {command: [python3, -c, "import os, shutil; print(shutil.disk_usage('/tmp').free, os.getloadavg())"], every: 6, times: 4}
  - load: {times: 1, seconds: 15}
what: >
  The image has no curl, so a colleague has written the container's new probes in what is there: the runtime executes the interpreter
  with a line that looks for the model, a shell that looks whether the weights are whole and files can be written, and, as a third
  one, the interpreter with a line that reports room and load.
"""
