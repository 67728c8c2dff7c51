"""
id: X01
name: model-extraction
class: blind
phase: serve
trigger: harness
evidence: []
techniques: [AML.T0024.002]
servers: [fastapi]
seconds: 120
steps:
  - load: {times: 1, seconds: 120}
limit: What happens within the process and its memory
what: >
  The known clients ask questions of the usual size at the usual rate that together map the model. Nothing on the host
  differs from ordinary service.
"""
