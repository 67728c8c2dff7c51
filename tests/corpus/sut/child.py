"""A copy of the server's process that does one thing and never executes a program."""

import os


def run(work):
    """Does `work` in a fork and waits for its end; fails where that fails."""
    child = os.fork()
    if child == 0:
        code = 1
        # The server's own code must not run twice, whatever happens here.
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise ChildProcessError(f"the copy failed: {status}")
