"""What an exception that nobody raised on purpose means for a person."""

from cristae.jobs.records import JobError
from cristae.memory import ran_out
from cristae.volumes.durable import disk_failure

_LESS = {
    "training": "use a smaller patch",
    "prediction": "choose another device",
    "preview": "select a smaller part of the slice",
}
"""What needs less memory."""


def explain(error: Exception, what: str = "job") -> JobError:
    """Return what an exception that nobody raised on purpose means for a person.

    Parameters
    ----------
    error
        Of the work.
    what
        "job", or "training", "prediction" or "preview", which have advice of their own.

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
    if ran_out(error):
        less = _LESS.get(what, "use a smaller image")
        return JobError(
            "OUT_OF_MEMORY", f"The memory of the device did not suffice. Close other programs, or {less}."
        )
    return JobError(
        "INTERNAL",
        f"The {what} failed by a mistake of the program; the {what}'s log on the server has the details.",
    )
