"""A job, its events and its end, as the journal keeps them."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from cristae.events import Event, Progress, from_json, to_json
from cristae.jobs.specs import Kind, Spec
from cristae.jobs.states import JobState


@dataclass(frozen=True)
class JobError:
    """Why a job failed: a code of :mod:`cristae.errors` and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True)
class ResultFile:
    """A file that a job made: its name without a folder, its bytes and their CRC-32C."""

    name: str
    size_bytes: int
    crc32c: int


@dataclass(frozen=True)
class JobResult:
    """What a job made: a model's name, volumes as (output, digest), or files."""

    model_name: str = ""
    outputs: tuple[tuple[str, str], ...] = ()
    files: tuple[ResultFile, ...] = ()


@dataclass(frozen=True)
class StateChange:
    """The event that a job came to another state."""

    state: JobState
    attempt: int
    error: JobError | None = None
    result: JobResult | None = None


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job; ``time_s`` counts since 1970 in UTC.

    ``sequence`` is 1, 2, 3, ...; a gap is where progress stood that newer progress has replaced.
    """

    sequence: int
    time_s: float
    body: Event | StateChange


@dataclass(frozen=True)
class JobRecord:
    """A job as it stands. ``number`` orders jobs by submission; times are seconds since 1970 in UTC."""

    number: int
    job_id: str
    kind: Kind
    spec: Spec
    title: str
    state: JobState
    attempt: int
    crashes: int
    created_s: float
    started_s: float | None
    ended_s: float | None
    progress: Progress | None
    error: JobError | None
    result: JobResult | None
    last_sequence: int


def dump(record: object) -> str:
    """Return one short line of JSON without NaN."""
    return json.dumps(record, separators=(",", ":"), allow_nan=False)


def event_to_json(event: Event | StateChange) -> dict[str, Any]:
    """Return an event as the journal keeps it."""
    if not isinstance(event, StateChange):
        return to_json(event)
    return {"kind": "state", **asdict(event)}


def event_from_json(record: dict[str, Any]) -> Event | StateChange:
    """Return the event that :func:`event_to_json` wrote."""
    if record["kind"] != "state":
        return from_json(record)
    error, result = error_from_json(record["error"]), result_from_json(record["result"])
    return StateChange(JobState(record["state"]), record["attempt"], error, result)


def error_from_json(record: dict[str, Any] | None) -> JobError | None:
    """Return the reason of a failure, None for None."""
    return None if record is None else JobError(**record)


def result_from_json(record: dict[str, Any] | None) -> JobResult | None:
    """Return what a job made, None for None."""
    if record is None:
        return None
    outputs = tuple((output, digest) for output, digest in record["outputs"])
    files = tuple(ResultFile(**file) for file in record.get("files", ()))  # an older journal has none
    return JobResult(record["model_name"], outputs, files)
