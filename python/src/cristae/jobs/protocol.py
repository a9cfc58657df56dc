r"""What server and worker say to each other: lines of JSON over the worker's standard input and output.

The server sends one order, then perhaps ``finish`` ("end early, and keep the best") and ``cancel``; closing
the input means "save what is needed to go on, and end". The worker sends events, and at last one ending.

Examples
--------
>>> line = message_line(Note("8 of 12 sections carry labels."))
>>> line
b'{"event":{"kind":"note","sentence":"8 of 12 sections carry labels.","is_warning":false}}\n'
>>> parse_message(line)
Note(sentence='8 of 12 sections carry labels.', is_warning=False)
"""

import json
from dataclasses import asdict, dataclass

from cristae.errors import CorruptData, CristaeError
from cristae.events import Event, Metrics, Note, PlanMade, Progress, from_json, to_json
from cristae.jobs.records import JobError, JobResult, dump, error_from_json, result_from_json
from cristae.jobs.specs import Spec, spec_from_json, spec_to_json
from cristae.settings import MIB

MAX_LINE = 32 * MIB
"""More than the largest job that the server takes: all its images and the labels of all annotators under the
data root, with long names that are written as escapes."""
CANCEL, FINISH = b"cancel\n", b"finish\n"


@dataclass(frozen=True)
class Order:
    """What a worker is to do."""

    job_id: str
    attempt: int
    device: str
    spec: Spec


@dataclass(frozen=True)
class Stopped:
    """The ending of a worker that was asked to stop and did."""


Ending = JobResult | JobError | Stopped
Message = Event | Ending


def order_line(order: Order) -> bytes:
    """Return the order as the first line of a worker's input."""
    record = {"job_id": order.job_id, "attempt": order.attempt, "device": order.device}
    return dump({**record, "spec": spec_to_json(order.spec)}).encode() + b"\n"


def parse_order(line: bytes) -> Order:
    """Return the order of a line, or raise CorruptData."""
    try:
        record = json.loads(line)
        spec = spec_from_json(record["spec"])
        return Order(str(record["job_id"]), int(record["attempt"]), str(record["device"]), spec)
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptData("The worker's order cannot be read.") from error


def message_line(message: Message) -> bytes:
    """Return one message of a worker as a line."""
    match message:
        case JobResult():
            record: dict[str, object] = {"done": asdict(message)}
        case JobError():
            record = {"error": asdict(message)}
        case Stopped():
            record = {"stopped": True}
        case Progress() | Metrics() | Note() | PlanMade():
            record = {"event": to_json(message)}
    return dump(record).encode() + b"\n"


def parse_message(line: bytes) -> Message:
    """Return the message of a worker's line.

    Raises
    ------
    CorruptData
        If the line is too long or says something else.
    """
    if len(line) > MAX_LINE or not line.endswith(b"\n"):
        raise CorruptData(f"A worker's line ended early or is longer than {MAX_LINE} bytes.")
    try:
        record = json.loads(line)
        if "event" in record:
            return from_json(record["event"])
        ending = error_from_json(record.get("error")) or result_from_json(record.get("done"))
        if ending is not None:
            return ending
        if record["stopped"] is True:
            return Stopped()
        raise ValueError(line[:80])
    except (ValueError, TypeError, KeyError, AttributeError, CristaeError) as error:
        raise CorruptData("A worker's line cannot be read.") from error
