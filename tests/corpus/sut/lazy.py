"""A module that nothing imports at the start."""

IMPORTED = True
