"""One file a scenario: ground truth in its docstring, steps in `payload`."""
