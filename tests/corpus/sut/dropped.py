"""Programs that were just written."""

import errno
import subprocess
import time


def start(arguments, **options):
    """Starts one. Another thread's fork may hold its file open for writing for a moment."""
    for _ in range(50):
        try:
            return subprocess.Popen(arguments, **options)
        except OSError as error:
            if error.errno != errno.ETXTBSY:
                raise
            time.sleep(0.1)
    raise TimeoutError(arguments[0])
