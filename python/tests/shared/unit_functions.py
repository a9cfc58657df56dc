"""What the processes of test_several_processes.py do; they import it by name."""

import os
import time
from pathlib import Path


def doubled(number):
    return 2 * number


def asleep(seconds):
    time.sleep(seconds)
    return seconds


def dying_once(task):
    """Die at the first attempt."""
    number, folder = task
    mark = Path(folder) / str(number)
    if number == 3 and not mark.exists():
        mark.touch()
        os._exit(1)
    return number


def always_dying(number):
    os._exit(1)


def refusing(number):
    from cristae.errors import DiskFull

    raise DiskFull(f"No space for {number}.")
