"""
id: P01
name: poisoned-learning
class: poisoned
phase: serve
trigger: learning
performs: [S06, S15, S16]
evidence: [file, network]
techniques: [T1574.006, T1528, T1552.005]
servers: [fastapi]
seconds: 100
what: >
  The preload list is written, the service account's token read and the metadata address asked while the baseline is being
  learned. These are never learned, so that they alert even then.
"""
