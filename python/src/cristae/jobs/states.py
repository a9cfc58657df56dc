"""The life of a job as a table.

Examples
--------
>>> check_move(JobState.QUEUED, JobState.RUNNING)
>>> check_move(JobState.DONE, JobState.RUNNING)
Traceback (most recent call last):
    ...
cristae.jobs.states.MoveError: A job cannot go from DONE to RUNNING; from DONE it can go nowhere.
"""

from enum import StrEnum

from cristae.errors import CristaeError


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_end(self) -> bool:
        """True if nothing follows."""
        return not MOVES[self]


MOVES: dict[JobState, tuple[JobState, ...]] = {
    JobState.QUEUED: (JobState.RUNNING, JobState.FAILED, JobState.CANCELLED),
    JobState.RUNNING: (JobState.DONE, JobState.FAILED, JobState.CANCELLING, JobState.QUEUED),
    JobState.CANCELLING: (JobState.CANCELLED, JobState.DONE, JobState.FAILED),
    JobState.DONE: (),
    JobState.FAILED: (),
    JobState.CANCELLED: (),
}


class MoveError(CristaeError):
    """A job was to go where the table does not let it: a mistake in the program, never of the person."""

    def __init__(self, start: JobState, end: JobState) -> None:
        allowed = ", ".join(MOVES[start]) or "nowhere"
        super().__init__(f"A job cannot go from {start} to {end}; from {start} it can go {allowed}.")
        self.start, self.end, self.allowed = start, end, MOVES[start]


def check_move(start: JobState, end: JobState) -> None:
    """Raise :class:`MoveError` unless the table has this move."""
    if end not in MOVES[start]:
        raise MoveError(start, end)
