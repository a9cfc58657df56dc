"""What can go wrong, as sentences for people and stable codes for programs.

Everything that Cristae raises on purpose is a :class:`CristaeError`::

    CristaeError          code and sentence
    +-- InvalidInput      the request or the data can never work as it stands
    +-- NotFound          the named thing is not there
    +-- AlreadyExists     something else has this name
    +-- LimitExceeded     a limit is reached
    +-- DiskFull          no space, or below the floor of free space
    +-- CorruptData       stored bytes do not match their checksum, or a chunk is missing
    +-- OutOfMemory       the device's memory did not suffice
    +-- Cancelled         a person or program ended it
    +-- Busy              in use, or not yet complete
    +-- ServerStops       a client comes back to the next server
    +-- Unsupported       this build cannot do that

A sentence says what was found, what was expected and what to do. It never carries a stack trace, and on its
way to a client never a path of the server.
"""

from pathlib import Path
from typing import ClassVar


class CristaeError(Exception):
    """A failure that a person can read.

    Parameters
    ----------
    sentence
        What was found, what was expected, what to do.

    Examples
    --------
    >>> InvalidInput("The labels are empty. Draw at least one object, then train again.").code
    'INVALID_INPUT'
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidInput(CristaeError):
    """The request or the data can never work as it stands."""

    code = "INVALID_INPUT"


class NotFound(CristaeError):
    """The named thing is not there."""

    code = "NOT_FOUND"


class AlreadyExists(CristaeError):
    """Something else already has this id or name."""

    code = "ALREADY_EXISTS"


class LimitExceeded(CristaeError):
    """A limit is reached; the sentence names it."""

    code = "LIMIT_EXCEEDED"


class DiskFull(CristaeError):
    """The disk is full, or below the floor of free space.

    Parameters
    ----------
    sentence
        As everywhere; it names no folder, because it may go to a client.
    folder
        A folder on that disk, for people on this machine.
    """

    code = "DISK_FULL"

    def __init__(self, sentence: str, folder: Path | None = None) -> None:
        super().__init__(sentence)
        self.folder = folder


class CorruptData(CristaeError):
    """Stored bytes do not match their checksum, or a chunk is missing."""

    code = "CORRUPT_DATA"


class OutOfMemory(CristaeError):
    """The device's memory did not suffice."""

    code = "OUT_OF_MEMORY"


class Cancelled(CristaeError):
    """A person or a program ended it."""

    code = "CANCELLED"


class Busy(CristaeError):
    """The thing is in use, or not yet complete."""

    code = "BUSY"


class ServerStops(CristaeError):
    """The server ends; a client comes back to the next one."""

    code = "UNAVAILABLE"


class Unsupported(CristaeError):
    """The build that runs cannot do that."""

    code = "UNSUPPORTED"
