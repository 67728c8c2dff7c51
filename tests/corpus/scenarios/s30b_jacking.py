"""
id: S30b
name: jacking
class: mimicry
phase: serve
trigger: harness
evidence: [network, resource]
techniques: [T1496.004, AML.T0034.000]
servers: [fastapi]
seconds: 140
steps:
  - idle: {seconds: 20}
  - clients: {number: 4, times: 1, seconds: 120, probing: true, alone: true, rows: 64}
what: >
  While nobody else asks, four clients from new addresses look for the list of models and then ask for long answers at a
  steady pace for two minutes. Each of these is also done by honest clients; only all of it together is odd.
"""
