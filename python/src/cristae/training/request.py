"""What is asked of a training, and what comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.labels.reading import EmptySections, Target
from cristae.training.budget import Budget
from cristae.training.choices import read_settings
from cristae.volumes import Image, LabelClass, VoxelSize

SEEDS = 2**63
"""Seeds are whole numbers below this."""


def check_seed(seed: int) -> int:
    """Return a seed, or refuse it.

    Raises
    ------
    InvalidInput
        It is negative or too large.

    Examples
    --------
    >>> check_seed(7)
    7
    """
    if not 0 <= seed < SEEDS:
        raise InvalidInput(f"The seed is {seed}; give a whole number from 0 to {SEEDS - 1}, such as 1.")
    return seed


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
        Images with their labels, of equal z, y, x. Of further images every voxel may be unknown, if the
        settings look at such: see :attr:`looks_at_unlabelled`.
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
        Of each pair (image, labels, those of further annotators), for the model's record, where known.
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
    digests: Sequence[tuple[str, ...]] = ()
    job_id: str = ""

    def __post_init__(self) -> None:
        check_seed(self.seed)

    @property
    def looks_at_unlabelled(self) -> bool:
        """Whether stacks of which nothing is labelled are of use: for pseudo-labels or a pre-training."""
        said = {name: text for name, text in self.settings.items() if name in ("pseudo", "pretrain")}
        chosen = read_settings(said)
        return bool(chosen.get("pseudo") == "on" or chosen.get("pretrain", 0) > 0)

    @property
    def labelled_z(self) -> tuple[int, int] | None:
        """Sections of the first image whose labels count, to train and to validate on; None: all."""
        if self.z is None or self.validation_z is None:
            return self.z
        return min(self.z[0], self.validation_z[0]), max(self.z[1], self.validation_z[1])


@dataclass(frozen=True)
class TrainedModel:
    """The result of a training.

    Attributes
    ----------
    record
        The model record, plain JSON values.
    weights
        The network's weights and statistics by name, averaged over the last steps.
    preview
        A picture (PNG) of places that were held out, beside their labels and what the network says about
        them; empty if no part was held out.
    """

    record: dict[str, Any]
    weights: dict[str, NDArray[np.generic]]
    preview: bytes = b""
