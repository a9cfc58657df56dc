"""The mark of a run: a file that says which run may write beside it, so that no straggler does."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cristae.volumes.durable import write_file_durably


@dataclass(frozen=True)
class RunMark:
    """A run of several processes that write into one folder.

    When another run has begun, or this one has ended, nothing of it is written any more.

    Attributes
    ----------
    path
        The file, beside what is written.
    run
        The name of the run.

    Examples
    --------
    >>> import tempfile
    >>> mark = RunMark.new(Path(tempfile.mkdtemp()) / "run")
    >>> with mark.standing():
    ...     mark.is_over()
    False
    >>> mark.is_over()
    True
    """

    path: Path
    run: str

    @classmethod
    def new(cls, path: Path) -> "RunMark":
        """Name a new run."""
        return cls(path.absolute(), secrets.token_hex(16))

    def set(self) -> None:
        """Begin it."""
        write_file_durably(self.path, self.run.encode("ascii"))

    def clear(self) -> None:
        """End it: whoever still computes writes nothing any more."""
        self.path.unlink(missing_ok=True)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Begin it, and end it in the end."""
        self.set()
        try:
            yield
        finally:
            self.clear()

    def is_over(self) -> bool:
        """Tell whether it has ended."""
        try:
            return self.path.read_text(encoding="ascii") != self.run
        except FileNotFoundError:
            return True
