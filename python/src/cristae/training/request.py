"""What is asked of a training, and what comes out of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.labels.reading import EmptySections, Target
from cristae.volumes import Image, LabelClass, VoxelSize

Preset = Literal["quick", "standard", "best"]
PRESET_MINUTES: Mapping[str, float] = {"quick": 5.0, "standard": 20.0, "best": 120.0}


@dataclass(frozen=True)
class Budget:
    """How long to train: a preset, or so many minutes, or exactly so many steps.

    Parameters
    ----------
    preset
        "quick" (5 minutes), "standard" (20), "best" (until nothing improves any more, at most 120).
    minutes
        Wall clock of the training with its validation; wins over the preset.
    steps
        Optimiser steps; the only budget with which two runs on a CPU give the same weights (in the same
        precision, which a short trial chooses unless it is set).

    Examples
    --------
    >>> Budget("standard").seconds, Budget(minutes=2).seconds, Budget(steps=600).seconds
    (1200.0, 120.0, None)
    """

    preset: Preset = "quick"
    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.preset not in PRESET_MINUTES:
            known = ", ".join(PRESET_MINUTES)
            raise InvalidInput(f"The budget {self.preset!r} is not known. Choose one of {known}.")
        if self.minutes is not None and self.steps is not None:
            raise InvalidInput("A training is limited by minutes or by steps, not by both. Give one of them.")
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise InvalidInput(f"A training takes more than 0 minutes; {self.minutes} were given.")
        if self.steps is not None and self.steps < 1:
            raise InvalidInput(f"A training takes at least 1 step; {self.steps} were given.")

    @property
    def seconds(self) -> float | None:
        """The time that the training may take; None if its steps are counted instead."""
        if self.steps is not None:
            return None
        return 60.0 * (self.minutes if self.minutes is not None else PRESET_MINUTES[self.preset])


class StartingModel(Protocol):
    """A trained model to start from; :class:`cristae.models.ModelPackage` is one."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def record(self) -> Mapping[str, Any]:
        """The model's record."""

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the model's weights by name."""


@dataclass(frozen=True)
class TrainingRequest:
    """Everything a person said about a training.

    Parameters
    ----------
    pairs
        Images with their labels, of equal z, y, x.
    model_name
        The name of the model to make.
    target
        "classes", "masks" (labels have a channel for each) or "instances".
    unknown
        Label value of unknown voxels.
    empty_sections
        What sections without labels are while others have some; default: unknown.
    classes
        The person's class table.
    budget
        How long.
    z, validation_z
        Sections of the first image, half-open, to train on and to validate on. Default: all; chosen from
        them.
    voxel_size
        Instead of what the images say.
    start_from
        The model whose weights are the start.
    settings
        Choices of the plan by name, as text.
    seed
        For repeatable runs.
    digests
        Of each pair (image, labels), for the model's record, where known.
    job_id
        The job that this is, if any.
    """

    pairs: Sequence[tuple[Image, Image]]
    model_name: str
    target: Target = "classes"
    unknown: int | None = None
    empty_sections: EmptySections | None = None
    classes: Sequence[LabelClass] = ()
    budget: Budget = field(default_factory=Budget)
    z: tuple[int, int] | None = None
    validation_z: tuple[int, int] | None = None
    voxel_size: VoxelSize | None = None
    start_from: StartingModel | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    digests: Sequence[tuple[str, str]] = ()
    job_id: str = ""


@dataclass(frozen=True)
class TrainedModel:
    """The result of a training.

    Attributes
    ----------
    record
        The model record, plain JSON values.
    weights
        The network's weights and statistics by name, averaged over the last steps.
    """

    record: dict[str, Any]
    weights: dict[str, NDArray[np.generic]]
