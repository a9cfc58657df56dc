"""What the processes of test_several_processes.py do; they import it by name."""

import os
import signal
import time
from multiprocessing.connection import Connection
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


def killed_while_it_answers(task):
    """Write half of the first answer, and be killed, as the system does when memory runs out."""
    number, folder = task
    mark = Path(folder) / "killed"
    if number == 3 and not mark.exists():
        mark.touch()
        Connection._send = half_and_the_end
    return number


def half_and_the_end(pipe, data, write=None):
    os.write(pipe.fileno(), bytes(data[: len(data) // 2]))
    os.kill(os.getpid(), signal.SIGKILL)


def unsendable(number):
    return lambda: number


def always_dying(number):
    os._exit(1)


def refusing(number):
    from cristae.errors import DiskFull

    raise DiskFull(f"No space for {number}.")
