"""What a job is to do, frozen when it is submitted.

A spec names things by digests and names only, and images under the data root as the server found them. It
travels as plain JSON: into the journal, and to the worker on the first line of its standard input.

Examples
--------
>>> spec = PredictionSpec(model_name="mito", image_volume_id="a" * 64)
>>> spec_from_json(spec_to_json(spec)) == spec
True
>>> spec.needs_models()
('mito',)
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from cristae.errors import CorruptData, CristaeError
from cristae.geometry import Box
from cristae.jobs.label_specs import (
    CleaningSpec,
    EvaluationSpec,
    LabelSpec,
    MeasurementSpec,
    NamedVolume,
    label_spec_of,
)
from cristae.volumes.classes import LabelClass
from cristae.volumes.found import FoundVolume

__all__ = [
    "CleaningSpec",
    "EvaluationSpec",
    "Kind",
    "LabelSpec",
    "LabelledVolume",
    "MeasurementSpec",
    "NamedVolume",
    "Output",
    "PredictionSpec",
    "Spec",
    "TrainingSpec",
    "as_asked",
    "device_of",
    "goes_on",
    "spec_from_json",
    "spec_to_json",
    "staging_id",
]

Kind = Literal["training", "prediction", "evaluation", "measurement", "cleaning"]
Output = Literal["labels", "instances", "probabilities", "uncertainty", "activations"]


@dataclass(frozen=True)
class LabelledVolume:
    """An image with its labels, of one or several annotators, by digest; ``image_name`` is for people."""

    image_volume_id: str
    labels_volume_id: str
    further_labels_volume_ids: tuple[str, ...] = ()
    image_name: str = ""

    @property
    def annotators(self) -> tuple[str, ...]:
        """Digests of the labels of all annotators."""
        return self.labels_volume_id, *self.further_labels_volume_ids


@dataclass(frozen=True)
class TrainingSpec:
    """A training, as ``TrainingSpec`` of the contract has it.

    ``budget`` is ("preset", "quick"), ("minutes", 3.0) or ("steps", 600); ranges of sections are half-open.
    """

    model_name: str
    volumes: tuple[LabelledVolume, ...]
    target: Literal["classes", "masks", "instances"] = "classes"
    classes: tuple[LabelClass, ...] = ()
    unknown_value: int | None = None
    empty_sections: Literal["unknown", "background"] = "unknown"
    budget: tuple[str, str | float | int] = ("preset", "quick")
    z: tuple[int, int] | None = None
    validation_z: tuple[int, int] | None = None
    start_from: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    device: str = ""
    found: tuple[FoundVolume, ...] = ()

    kind: Kind = field(default="training", init=False)

    def needs_volumes(self) -> tuple[str, ...]:
        """Digests of the volumes that must stay until the job has ended."""
        return tuple(digest for pair in self.volumes for digest in (pair.image_volume_id, *pair.annotators))

    def needs_models(self) -> tuple[str, ...]:
        """Names of the models that must stay until the job has ended."""
        return (self.start_from,) if self.start_from else ()


@dataclass(frozen=True)
class PredictionSpec:
    """A prediction, as ``PredictionSpec`` of the contract has it; ``region`` is in voxels (z, y, x)."""

    model_name: str
    image_volume_id: str
    output: Output = "labels"
    device: str = ""
    flips: bool = False
    more_models: tuple[str, ...] = ()
    combine: Literal["mean", "median", "vote"] = "mean"
    layer: str = ""
    region: Box | None = None
    image_name: str = ""
    split_touching: bool = False
    found: tuple[FoundVolume, ...] = ()

    kind: Kind = field(default="prediction", init=False)

    def needs_volumes(self) -> tuple[str, ...]:
        """Digests of the volumes that must stay until the job has ended."""
        return (self.image_volume_id,)

    def needs_models(self) -> tuple[str, ...]:
        """Names of the models that must stay until the job has ended."""
        return (self.model_name, *self.more_models)


Spec = TrainingSpec | PredictionSpec | LabelSpec


def goes_on(spec: Spec) -> bool:
    """Tell whether an interrupted job goes on from what it saved; others begin anew.

    Examples
    --------
    >>> goes_on(PredictionSpec("mito", "a" * 64)), goes_on(CleaningSpec(NamedVolume("a" * 64)))
    (True, False)
    """
    return isinstance(spec, TrainingSpec | PredictionSpec)


def device_of(spec: Spec) -> str | None:
    """Return the device that a job asks for, "" if any will do, None if it needs none.

    Examples
    --------
    >>> device_of(PredictionSpec("mito", "a" * 64, device="cpu")), device_of(CleaningSpec(NamedVolume("")))
    ('cpu', None)
    """
    return spec.device if isinstance(spec, TrainingSpec | PredictionSpec) else None


def spec_to_json(spec: Spec) -> str:
    """Return the spec as one line of JSON; equal specs give equal lines."""
    record = asdict(spec)
    if not spec.found:  # as an older journal has it
        del record["found"]
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def as_asked(spec: Spec) -> Spec:
    """Return what the client asked for: without what the server knows of images under the data root."""
    return replace(spec, found=())


def spec_from_json(line: str) -> Spec:
    """Return the spec of a line that :func:`spec_to_json` wrote.

    Raises
    ------
    CorruptData
        If the line is something else.
    """
    try:
        record: dict[str, Any] = json.loads(line)
        kind = record.pop("kind")
        record["found"] = tuple(FoundVolume(**one) for one in record.get("found", ()))
        if kind == "prediction":
            record["more_models"] = tuple(record.get("more_models", ()))  # an older journal has none
            if record.get("region") is not None:
                record["region"] = Box(**record["region"])
            return PredictionSpec(**record)
        if kind != "training":
            return label_spec_of(kind, record)
        record["volumes"] = tuple(_labelled_volume(pair) for pair in record["volumes"])
        record["classes"] = tuple(LabelClass(**row) for row in record["classes"])
        for name in ("budget", "z", "validation_z"):
            record[name] = tuple(record[name]) if record[name] is not None else None
        return TrainingSpec(**record)
    except (ValueError, TypeError, KeyError, AttributeError, CristaeError) as error:
        raise CorruptData("A job's spec in the journal cannot be read; submit the job again.") from error


def _labelled_volume(pair: dict[str, Any]) -> LabelledVolume:
    further = tuple(pair.pop("further_labels_volume_ids", ()))  # an older journal has none
    return LabelledVolume(**pair, further_labels_volume_ids=further)


def staging_id(job_id: str) -> str:
    """Return the id under which the half-made volume of a job is staged.

    Examples
    --------
    >>> staging_id("01234567-89ab-4def-8123-456789abcdef")
    '0123456789ab4def8123456789abcdef'
    """
    return job_id.replace("-", "")
