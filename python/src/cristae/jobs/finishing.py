"""Which jobs can be asked to end early and keep what they have, and which can be forgotten."""

from cristae.errors import Busy
from cristae.jobs.records import JobRecord
from cristae.jobs.specs import TrainingSpec
from cristae.jobs.states import JobState

FINISH_FILE = "finish"
"""Lies in the folder of a job that was asked to end early: later attempts end early too."""

ENDS_EARLY_TOO = (
    "It had been asked to end early and keep the best, so this one ends early, too. To train in full, delete "
    "both jobs and train again."
)
"""Told by a job that goes on from the work of such a one."""


def refuse_to_finish(job: JobRecord) -> None:
    """Raise Busy unless the job is a training that runs, or that ran and will go on."""
    told = f"The job '{job.title}'"
    if job.state.is_end:
        raise Busy(f"{told} has ended already.")
    if not isinstance(job.spec, TrainingSpec):
        raise Busy(f"{told} is a {job.kind}: only a training can end early. Cancel it instead.")
    if job.state is JobState.CANCELLING:
        raise Busy(f"{told} is being cancelled.")
    if job.attempt == 0:
        raise Busy(f"{told} waits and has learned nothing to keep. Cancel it instead.")


def refuse_to_forget(job: JobRecord) -> None:
    """Raise Busy unless the job has ended."""
    if not job.state.is_end:
        raise Busy(f"The job '{job.title}' waits or runs. Cancel it first, then delete it.")
