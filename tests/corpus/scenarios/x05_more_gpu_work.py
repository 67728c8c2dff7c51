"""
id: X05
name: more-gpu-work
class: blind
phase: serve
trigger: harness
evidence: []
techniques: [T1496.001, AML.T0034]
servers: [fastapi]
seconds: 0
skipped: needs a GPU
limit: What happens within the process and its memory
what: >
  The serving process itself gives its GPU other work beside its own. Work is submitted from user space, so that nothing of
  it is visible; not run without a GPU.
"""
