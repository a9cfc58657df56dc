"""How a command ends when it does not end well: a sentence, an exit code, a log."""

import argparse
import errno
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from cristae.commands.stopping import exit_code
from cristae.commands.together import first_says_it, is_first_here
from cristae.errors import (
    AlreadyExists,
    Cancelled,
    CristaeError,
    DiskFull,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Unsupported,
)
from cristae.memory import ran_out

DONE = 0
FAILED = 1
INTERRUPTED = 130

_REFUSALS = (InvalidInput, NotFound, AlreadyExists, LimitExceeded, Unsupported)
"""What every process of a training finds that was asked for the same."""


def ending(failure: BaseException, arguments: argparse.Namespace) -> int:
    """Say in one sentence on stderr why the command ended, and return the exit code.

    Parameters
    ----------
    failure
        What was raised. A :class:`CristaeError` carries its sentence; of anything else the stack trace goes
        to a file.
    arguments
        The parsed command line, for the home folder.
    """
    if isinstance(failure, Cancelled):
        return _say(failure.sentence, exit_code()) if is_first_here() else exit_code()
    if isinstance(failure, _REFUSALS) and first_says_it(FAILED):
        return FAILED
    if isinstance(failure, CristaeError):
        return _say(sentence_of(failure), FAILED)
    if isinstance(failure, KeyboardInterrupt):
        return _say("Interrupted.", INTERRUPTED) if is_first_here() else INTERRUPTED
    if isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        from cristae.volumes.durable import disk_failure

        return _say(sentence_of(disk_failure(failure) or CristaeError(str(failure))), FAILED)
    if (
        isinstance(failure, OSError)
        and failure.filename is not None
        and failure.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    ):
        return _say(
            f"{failure.filename} may not be read or written by this user ({failure.strerror}). Give "
            "this user the right to it, or choose another place; for the home folder with --home.",
            FAILED,
        )
    if isinstance(failure, OSError) and failure.filename is not None:
        return _say(f"{failure.filename}: {failure.strerror or failure}.", FAILED)
    if ran_out(failure):
        whose = "this machine" if isinstance(failure, MemoryError) else "the device"
        return _say(
            f"The memory of {whose} did not suffice. Close other programs, or use a smaller image.", FAILED
        )
    log = write_log(failure, arguments)
    kind = type(failure).__name__
    return _say(f"Something unexpected happened ({kind}). Please report it with the file {log}.", FAILED)


def sentence_of(failure: CristaeError) -> str:
    """Return what a person on this machine reads: the sentence, and which disk is full."""
    if isinstance(failure, DiskFull) and failure.folder is not None:
        return f"{failure.sentence} It is the disk with {failure.folder}."
    return failure.sentence


def write_log(failure: BaseException, arguments: argparse.Namespace) -> Path:
    """Write the stack trace into the home folder, or into the temporary one, and return the file."""
    from cristae import __version__

    text = "\n".join(
        [
            f"cristae {__version__}, Python {sys.version}, {sys.platform}",
            f"command: {sys.argv[1:]}",
            "".join(traceback.format_exception(failure)),
        ]
    )
    name = f"{getattr(arguments, 'command', 'cristae')}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        from cristae.commands.arguments import home_of

        folder = home_of(arguments).make().root / "logs"
        folder.mkdir(exist_ok=True)
        log = folder / name
        log.write_text(text, encoding="utf-8")
    except (CristaeError, OSError, ImportError):
        log = Path(tempfile.gettempdir()) / name
        log.write_text(text, encoding="utf-8")
    return log


def _say(sentence: str, code: int) -> int:
    print(f"cristae: {' '.join(sentence.split())}", file=sys.stderr)
    return code
