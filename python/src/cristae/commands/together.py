"""Several processes that torchrun started: only a training is done together, and one of them speaks."""

import os
import signal
import time

from cristae.commands.stopping import was_asked_to_stop
from cristae.computing import launched
from cristae.errors import InvalidInput

FIRST_SPEAKS_WITHIN_S = 10.0


def refuse_side_by_side(command: str) -> None:
    """Refuse a command that several processes would do side by side, each the whole of it.

    Raises
    ------
    InvalidInput
        torchrun started several processes, and the command is not ``train``.
    """
    launch = launched()
    if launch is not None and command != "train":
        raise InvalidInput(
            f"torchrun started {launch.processes} processes, and each of them would do all of `cristae "
            f"{command}`: only `cristae train` is done together. Run it without torchrun."
        )


def is_first_here() -> bool:
    """Tell whether this process is alone, or the first of several on this machine."""
    launch = launched()
    return launch is None or launch.number_here == 0


def first_says_it(code: int) -> bool:
    """Leave it to the first process on this machine to say what every one of them finds.

    As soon as one process has failed, torchrun ends the others. So this one waits for that, and does not end
    before the first has spoken.

    Parameters
    ----------
    code
        How this process ends, too.

    Returns
    -------
    bool
        False if this process has to say it: it is the first, or the first found nothing wrong.
    """
    if is_first_here():
        return False
    if was_asked_to_stop():
        return True
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(code))
    time.sleep(FIRST_SPEAKS_WITHIN_S)
    return False
