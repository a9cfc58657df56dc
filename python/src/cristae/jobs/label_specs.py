"""What is to be done with label images: compared, measured, cleaned. Such work needs no GPU.

As in :mod:`cristae.jobs.specs`, things are named by digests only, and what is not there is None or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cristae.volumes.found import FoundVolume


@dataclass(frozen=True)
class NamedVolume:
    """A volume by digest, and what the person calls it; "" is the volume's own name."""

    volume_id: str
    name: str = ""


@dataclass(frozen=True)
class EvaluationSpec:
    """A comparison with the truth, as ``EvaluationSpec`` of the contract has it; ``z`` is half-open."""

    predictions: tuple[NamedVolume, ...]
    truth: NamedVolume
    target: Literal["classes", "masks", "instances"] = "classes"
    unknown_value: int | None = None
    empty_sections: Literal["unknown", "background"] = "background"
    z: tuple[int, int] | None = None
    distances: bool = False
    probabilities: bool = False
    pairs: bool = False
    raw: NamedVolume | None = None
    found: tuple[FoundVolume, ...] = ()

    kind: Literal["evaluation"] = field(default="evaluation", init=False)

    def volumes(self) -> tuple[NamedVolume, ...]:
        """All images."""
        return (*self.predictions, self.truth, *_those_there(self.raw))

    def needs_volumes(self) -> tuple[str, ...]:
        """Digests of the volumes that must stay until the job has ended."""
        return tuple(volume.volume_id for volume in self.volumes())

    def needs_models(self) -> tuple[str, ...]:
        """Names of the models that must stay: none."""
        return ()


@dataclass(frozen=True)
class MeasurementSpec:
    """A measuring of objects, as ``MeasurementSpec`` of the contract has it."""

    labels: NamedVolume
    raw: NamedVolume | None = None
    other: NamedVolume | None = None
    classes: NamedVolume | None = None
    contacts: bool = False
    skeletons: bool = False
    condition: str = ""
    found: tuple[FoundVolume, ...] = ()

    kind: Literal["measurement"] = field(default="measurement", init=False)

    def volumes(self) -> tuple[NamedVolume, ...]:
        """All images."""
        return (self.labels, *_those_there(self.raw, self.other, self.classes))

    def needs_volumes(self) -> tuple[str, ...]:
        """Digests of the volumes that must stay until the job has ended."""
        return tuple(volume.volume_id for volume in self.volumes())

    def needs_models(self) -> tuple[str, ...]:
        """Names of the models that must stay: none."""
        return ()


@dataclass(frozen=True)
class CleaningSpec:
    """A mending of objects, as ``CleaningSpec`` of the contract has it.

    ``splits`` has an id with the points (z, y, x) in its parts; sizes that are None are not asked for.
    """

    labels: NamedVolume
    merges: tuple[tuple[int, ...], ...] = ()
    splits: tuple[tuple[int, tuple[tuple[int, int, int], ...]], ...] = ()
    fill_holes: bool = False
    smooth_nm: float | None = None
    minimum_nm3: float | None = None
    minimum_voxels: int | None = None
    remove_border: bool = False
    found: tuple[FoundVolume, ...] = ()

    kind: Literal["cleaning"] = field(default="cleaning", init=False)

    def volumes(self) -> tuple[NamedVolume, ...]:
        """All images."""
        return (self.labels,)

    def needs_volumes(self) -> tuple[str, ...]:
        """Digests of the volumes that must stay until the job has ended."""
        return (self.labels.volume_id,)

    def needs_models(self) -> tuple[str, ...]:
        """Names of the models that must stay: none."""
        return ()


LabelSpec = EvaluationSpec | MeasurementSpec | CleaningSpec


def _those_there(*volumes: NamedVolume | None) -> tuple[NamedVolume, ...]:
    return tuple(volume for volume in volumes if volume is not None)


def label_spec_of(kind: str, record: dict[str, Any]) -> LabelSpec:
    """Return the spec that a JSON object describes, its kind taken off and its found volumes read.

    Raises
    ------
    ValueError, TypeError, KeyError
        It is none.
    """
    if kind == "evaluation":
        record["predictions"] = tuple(NamedVolume(**one) for one in record["predictions"])
        _name(record, "truth", "raw")
        record["z"] = tuple(record["z"]) if record["z"] is not None else None
        return EvaluationSpec(**record)
    if kind == "measurement":
        _name(record, "labels", "raw", "other", "classes")
        return MeasurementSpec(**record)
    if kind == "cleaning":
        _name(record, "labels")
        record["merges"] = tuple(map(tuple, record["merges"]))
        record["splits"] = tuple((one, tuple(map(tuple, points))) for one, points in record["splits"])
        return CleaningSpec(**record)
    raise ValueError(kind)


def _name(record: dict[str, Any], *fields: str) -> None:
    """Turn volumes of a record from JSON objects into what they are."""
    for name in fields:
        volume: Mapping[str, Any] | None = record[name]
        record[name] = None if volume is None else NamedVolume(**volume)
