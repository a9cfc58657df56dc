"""What long work tells while it goes on: one vocabulary for training, prediction, jobs and the command line.

Work calls ``on_event(event)`` with one of four frozen dataclasses; :func:`to_json` and :func:`from_json`
carry them between processes and into the journal as plain JSON objects with a ``"kind"``.

Examples
--------
>>> from_json(to_json(Progress("Training", 0.2, 48.0, "step 120 of 600, loss 0.31")))
Progress(stage='Training', fraction=0.2, seconds_left=48.0, detail='step 120 of 600, loss 0.31')
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cristae.errors import InvalidInput

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """It went on.

    Parameters
    ----------
    stage
        What is being done, for people: "Training", "Predicting".
    fraction
        From 0 to 1 over the whole work; never goes down within an attempt.
    seconds_left
        Estimated seconds to the end; None while there is no estimate.
    detail
        One short line with the newest figures.
    """

    stage: str
    fraction: float
    seconds_left: float | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.fraction <= 1.0:
            raise InvalidInput(f"A progress lies between 0 and 1; {self.fraction} was told.")
        if self.seconds_left is not None and not math.isfinite(self.seconds_left):
            raise InvalidInput("An estimate of the seconds left is a finite number or None.")


@dataclass(frozen=True)
class Metrics:
    """Figures of training at one step; values that are not finite are left out, never sent.

    Parameters
    ----------
    step
        The optimiser step, from 1.
    values
        By name: "loss", "validation_loss", "learning_rate", "dice", "iou", "iou.mitochondria".
    """

    step: int
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        finite = {name: float(value) for name, value in self.values.items() if math.isfinite(value)}
        object.__setattr__(self, "values", finite)


@dataclass(frozen=True)
class Note:
    """Something worth telling the person: one sentence, a warning if a result may be worse than hoped."""

    sentence: str
    is_warning: bool = False


@dataclass(frozen=True)
class PlanMade:
    """The plan of a training: sentences for people, and every choice by name as ``--set`` takes them."""

    sentences: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", tuple(self.sentences))
        object.__setattr__(self, "settings", {name: str(value) for name, value in self.settings.items()})


Event = Progress | Metrics | Note | PlanMade


def to_json(event: Event) -> dict[str, Any]:
    """Return the event as a JSON object.

    Examples
    --------
    >>> to_json(Note("2 of 8 sections carry labels."))
    {'kind': 'note', 'sentence': '2 of 8 sections carry labels.', 'is_warning': False}
    """
    match event:
        case Progress():
            return {
                "kind": "progress",
                "stage": event.stage,
                "fraction": event.fraction,
                "seconds_left": event.seconds_left,
                "detail": event.detail,
            }
        case Metrics():
            return {"kind": "metrics", "step": event.step, "values": dict(event.values)}
        case Note():
            return {"kind": "note", "sentence": event.sentence, "is_warning": event.is_warning}
        case PlanMade():
            return {"kind": "plan", "sentences": list(event.sentences), "settings": dict(event.settings)}


def from_json(record: Mapping[str, Any]) -> Event:
    """Return the event that a JSON object from :func:`to_json` describes.

    Raises
    ------
    InvalidInput
        If the object is of no known kind, or a field is missing or of the wrong type.
    """
    try:
        match record["kind"]:
            case "progress":
                left = record["seconds_left"]
                return Progress(
                    str(record["stage"]),
                    float(record["fraction"]),
                    None if left is None else float(left),
                    str(record["detail"]),
                )
            case "metrics":
                values = {str(name): float(value) for name, value in record["values"].items()}
                return Metrics(int(record["step"]), values)
            case "note":
                return Note(str(record["sentence"]), bool(record["is_warning"]))
            case "plan":
                settings = {str(name): str(value) for name, value in record["settings"].items()}
                return PlanMade(tuple(map(str, record["sentences"])), settings)
            case kind:
                raise InvalidInput(f"An event of the kind {str(kind)[:40]!r} is not known.")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"An event could not be read: {error!r}."[:200]) from error


def logged(event: Event) -> None:
    """Log what is worth a sentence: for who gives no listener. Python shows warnings if nothing else is set.

    Examples
    --------
    >>> logged(Note("All 8 sections carry labels."))
    """
    if isinstance(event, Note):
        _log.log(logging.WARNING if event.is_warning else logging.INFO, "%s", event.sentence)
    elif isinstance(event, PlanMade):
        for sentence in event.sentences:
            _log.info("%s", sentence)
