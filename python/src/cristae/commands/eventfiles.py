"""The curves and pictures of trainings as TensorBoard reads them: a folder for each, with an event file.

Written by the ``tensorboard`` package itself, which needs no TensorFlow for it.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cristae.commands.curves import history_of
from cristae.errors import Unsupported
from cristae.events import Metrics
from cristae.models.package import ModelPackage
from cristae.models.previews import read_preview
from cristae.settings import Home

if TYPE_CHECKING:
    from cristae.jobs.journal import Journal
    from cristae.jobs.records import JobRecord

_CHARACTERS_OF_ID = 8


@dataclass(frozen=True)
class Figures:
    """Figures by name, at a step; `time_s` counts since 1970 in UTC."""

    time_s: float
    step: int
    values: Mapping[str, float]


class Training(Protocol):
    """A training that has figures to show."""

    @property
    def name(self) -> str:
        """What it is called in TensorBoard, and the name of its folder."""

    def figures(self) -> Sequence[Figures]:
        """Return all figures up to now; what was returned before stays at its place."""

    def preview(self) -> bytes:
        """Return the newest picture, a PNG; empty if there is none."""


class TrainingOfModel:
    """A training that ended, as the record of its model tells it."""

    def __init__(self, model: ModelPackage) -> None:
        self._model = model
        self.name = model.name

    def figures(self) -> list[Figures]:
        """Return what the record keeps; the times are that of the end."""
        found = []
        for values in history_of(self._model):
            named = {name: value for name, value in values.items() if name != "step"}
            found.append(Figures(self._model.created_s, int(values["step"]), named))
        return found

    def preview(self) -> bytes:
        """Return the last picture."""
        return self._model.preview()


class TrainingOfJob:
    """A training of the server, as the journal tells it while it goes on."""

    def __init__(self, home: Home, journal: "Journal", job: "JobRecord") -> None:
        self._home, self._journal, self._id = home, journal, job.job_id
        self.name = f"{job.title} ({job.job_id[:_CHARACTERS_OF_ID]})"
        self._found: list[Figures] = []
        self._seen = 0

    def figures(self) -> list[Figures]:
        """Return what the job has told."""
        while events := self._journal.events(self._id, self._seen):
            self._seen = events[-1].sequence
            self._found += [
                Figures(event.time_s, event.body.step, event.body.values)
                for event in events
                if isinstance(event.body, Metrics)
            ]
        return self._found

    def preview(self) -> bytes:
        """Return the picture that lies with the checkpoints."""
        return read_preview(self._home.checkpoints(self._id))


class TrainingLog:
    """The folder of one training, which grows with it.

    Parameters
    ----------
    training
        What is shown.
    root
        The folder for all trainings.

    Raises
    ------
    Unsupported
        The package tensorboard is not installed.
    """

    def __init__(self, training: Training, root: Path) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as problem:
            raise Unsupported(
                "TensorBoard is not installed beside Cristae. Install it with `pip install "
                "'cristae[tensorboard]'`, or write the curves as a table with `cristae models curves`."
            ) from problem
        self._event, self._summary = Event, Summary
        self._training = training
        self._writer = EventFileWriter(str(root / training.name))
        self._written = 0
        self._picture = b""

    def update(self) -> None:
        """Write what is new."""
        figures = self._training.figures()
        for point in figures[self._written :]:
            values = [
                self._summary.Value(tag=_tag(name), simple_value=value)
                for name, value in point.values.items()
                if isinstance(value, int | float) and math.isfinite(value)
            ]
            self._write(point, values)
        self._written = len(figures)
        picture = self._training.preview()
        if figures and picture and picture != self._picture:
            self._picture = picture
            width, height = struct.unpack(">II", picture[16:24])  # as the header of a PNG states them
            image = self._summary.Image(
                height=height, width=width, colorspace=3, encoded_image_string=picture
            )
            tag = "held out: image, labels, prediction"
            self._write(figures[-1], [self._summary.Value(tag=tag, image=image)])
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _write(self, point: Figures, values: Sequence[Any]) -> None:
        summary = self._summary(value=values)
        self._writer.add_event(self._event(wall_time=point.time_s, step=point.step, summary=summary))


def _tag(name: str) -> str:
    """Return the name under which TensorBoard shows a figure: those of single classes lie together.

    Examples
    --------
    >>> _tag("dice.mitochondria"), _tag("validation_loss")
    ('dice/mitochondria', 'validation_loss')
    """
    return name.replace(".", "/", 1)
