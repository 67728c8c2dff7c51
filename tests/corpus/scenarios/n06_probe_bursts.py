"""
id: N06
name: probe-bursts
class: benign
phase: serve
trigger: harness
steps:
  - connects: {number: 200, seconds: 10}
  - clients: {number: 1, times: 0.5, seconds: 20}
what: >
  A node that was never seen opens two hundred connections without a word, and asks for health.
"""
