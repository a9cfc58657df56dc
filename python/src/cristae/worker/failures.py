"""What an exception that nobody raised on purpose means for a person."""

from cristae.jobs.records import JobError
from cristae.volumes.durable import disk_failure


def explain(error: Exception, what: str = "job") -> JobError:
    """Return what an exception that nobody raised on purpose means for a person.

    Parameters
    ----------
    error
        Of the work.
    what
        "job" or "preview".

    Examples
    --------
    >>> explain(MemoryError()).code
    'OUT_OF_MEMORY'
    >>> explain(ZeroDivisionError()).code
    'INTERNAL'
    """
    full = disk_failure(error) if isinstance(error, OSError) else None
    if full is not None:
        return JobError(full.code, full.sentence)
    # torch is not imported here for the name's sake; on a CPU it raises a plain RuntimeError of these words.
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    ):
        less = "select a smaller part of the slice" if what == "preview" else "use a smaller patch"
        return JobError(
            "OUT_OF_MEMORY", f"The memory of the device did not suffice. Close other programs, or {less}."
        )
    return JobError(
        "INTERNAL",
        f"The {what} failed by a mistake of the program; the {what}'s log on the server has the details.",
    )
