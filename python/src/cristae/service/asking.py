"""Questions that take torch or files of the owner, put to a child: the server itself loads neither."""

import json
import subprocess
import sys
from typing import Any

_LONGEST_ANSWER_S = 60.0

FAILURES = (OSError, ValueError, IndexError, subprocess.SubprocessError)
"""How asking may fail."""


def ask_worker(*words: str) -> Any:
    """Run ``python -m cristae.worker`` with these words, and return what it answers on its last line.

    Raises
    ------
    OSError, ValueError, IndexError, subprocess.SubprocessError
        It could not be run, did not answer in time, or ended with something else.
    """
    answer = subprocess.run(  # noqa: S603 - our own worker
        [sys.executable, "-m", "cristae.worker", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LONGEST_ANSWER_S,
        check=True,
    )
    return json.loads(answer.stdout.splitlines()[-1])  # the owner's files may have printed something


def last_words(failure: BaseException) -> str:
    """Return what a child that failed wrote for its owner, for the log."""
    said = failure.stderr if isinstance(failure, subprocess.CalledProcessError) else b""
    return (said or b"").decode(errors="replace")
