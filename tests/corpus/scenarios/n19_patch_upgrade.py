"""
id: N19
name: patch-upgrade
class: benign
phase: start
trigger: harness
steps:
  - upgrade: {seconds: 60}
what: >
  An image of the same program with newer versions of two libraries takes the place of the old one.
"""
