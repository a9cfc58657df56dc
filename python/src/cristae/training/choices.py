"""The choices of a plan that a person may make: their names, their ranges, how they are written.

They stand apart from the plan because the server checks them before it queues a job, and never loads torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from cristae.errors import InvalidInput
from cristae.extensions import OWN_NAMES, Kind, digest_of, names_of
from cristae.geometry import Triple


@dataclass(frozen=True)
class Choices:
    """Every choice of a plan that a person may change with ``--set NAME=VALUE``.

    Attributes
    ----------
    dimensions
        2: the network sees sections, 3: it sees volumes.
    context
        Neighbour sections on each side that a 2D network sees.
    downsample_zyx
        Voxels that are averaged into one before the network sees them.
    normalisation
        "training", "section" or "image": whose statistics the grey values are normalised with.
    size
        "small", "medium" or "large": a name for features and blocks, which may be chosen by themselves too.
    levels, features, blocks, kernel
        The network by hand: its depth, its feature maps on the finest level, the residual blocks on each
        level of the encoder, and the width of its convolutions in voxels.
    loss
        The name of what the training makes small; see :mod:`cristae.training.losses`.
    objects
        "boundaries" or "affinities": how single objects are learned; see
        :mod:`cristae.training.object_choice`.
    added_augmentation
        The name of an augmentation that the owner of the home added, or "none".
    merge_below
        For objects: bodies are joined while the boundary between them is less likely; 0: it is searched on
        the part held out.
    deep_supervision
        "on" or "off": whether coarser levels of the network are trained to answer too.
    patch_zyx
        Voxels of the image in a training patch.
    batch
        Patches in a step.
    learning_rate, weight_decay, clip
        Of the optimiser, and the largest norm of a gradient.
    error_share
        Share of the patches that are drawn where the network erred most of late.
    rare_share
        Share of the patches that are drawn around foreground classes.
    augmentation
        Strength of all variants of patches: 1 as designed, 0 only flips and quarter turns, which are exact.
    augment_geometry, augment_intensity, augment_sections
        "off", "light" or "full": free turns, scaling and elastic deformation; grey values; what befalls
        sections. See :class:`cristae.training.augmentation.Augmentation`.
    validation
        Share of the annotated data held out to validate on, 0 to 0.5.
    patience
        The training ends early when nothing has improved for this share of its budget.
    precision
        "auto", "float32" or "bfloat16".
    learner
        "network": a U-Net; "forest": a random forest on filtered images, in seconds instead of minutes; or
        the name of a network that the owner of the home added.
    freeze
        "encoder": of a model to start from, only the decoder and the last layer learn; "none": all does.
    pseudo
        "on": after three tenths of the training, what the averaged weights are sure of on unlabelled parts of
        the images is learned too.
    pretrain
        Share of the budget in which the network first learns to restore hidden parts of the images.
    """

    dimensions: int
    context: int
    downsample_zyx: Triple
    normalisation: str
    levels: int
    features: int
    patch_zyx: Triple
    batch: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    clip: float = 5.0
    rare_share: float = 0.5
    error_share: float = 0.0
    augmentation: float = 1.0
    augment_geometry: str = "off"
    augment_intensity: str = "light"
    augment_sections: str = "off"
    validation: float = 0.12
    patience: float = 0.5
    precision: str = "auto"
    learner: str = "network"
    size: str = "medium"
    blocks: int = 1
    kernel: int = 3
    freeze: str = "none"
    pseudo: str = "off"
    pretrain: float = 0.0
    loss: str = "dice_ce"
    deep_supervision: str = "off"
    added_augmentation: str = "none"
    merge_below: float = 0.0
    objects: str = "boundaries"


_LIMITS: Mapping[str, tuple[float, float]] = {
    "dimensions": (2, 3),
    "context": (0, 8),
    "downsample_zyx": (1, 8),
    "levels": (1, 7),
    "features": (1, 256),
    "blocks": (1, 8),
    "kernel": (1, 7),
    "patch_zyx": (1, 4096),
    "batch": (1, 256),
    "learning_rate": (1e-7, 1.0),
    "weight_decay": (0, 1),
    "clip": (1e-3, 1e6),
    "rare_share": (0, 1),
    "error_share": (0, 1),
    "augmentation": (0, 2),
    "validation": (0, 0.5),
    "patience": (0.05, 1),
    "pretrain": (0, 0.9),
    "merge_below": (0, 1),
}
_DEGREES = ("off", "light", "full")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "augment_geometry": _DEGREES,
    "augment_intensity": _DEGREES,
    "augment_sections": _DEGREES,
    "normalisation": ("training", "section", "image"),
    "precision": ("auto", "float32", "bfloat16"),
    "size": ("small", "medium", "large"),
    "freeze": ("none", "encoder"),
    "pseudo": ("off", "on"),
    "deep_supervision": ("off", "on"),
    "objects": ("boundaries", "affinities"),
}
_EXTENSIBLE: Mapping[str, Kind] = {
    "learner": "network",
    "loss": "loss",
    "added_augmentation": "augmentation",
}
"""The choices that the owner of a home can add something to; see :mod:`cristae.extensions`."""


def apply_settings(choices: Choices, settings: Mapping[str, str]) -> Choices:
    """Return the choices with a person's own ones.

    Raises
    ------
    InvalidInput
        For names that are not known and values that cannot be.

    Examples
    --------
    >>> ours = Choices(2, 1, (1, 2, 2), "section", 4, 16, (1, 512, 512), 8)
    >>> apply_settings(ours, {"batch": "4", "patch_zyx": "1,256,256"}).patch_zyx
    (1, 256, 256)
    """
    return replace(choices, **read_settings(settings))


def read_settings(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return a person's choices as values.

    Raises
    ------
    InvalidInput
        For names that are not known and values that cannot be.

    Examples
    --------
    >>> read_settings({"batch": "4", "precision": "float32"})
    {'batch': 4, 'precision': 'float32'}
    """
    types = {field.name: field.type for field in fields(Choices)}
    values: dict[str, Any] = {}
    for name, text in settings.items():
        if name not in types:
            raise InvalidInput(f"There is no setting {name!r}. The settings are {', '.join(sorted(types))}.")
        values[name] = _read(name, str(text).strip(), types[name])
    return values


def _read(name: str, text: str, kind: Any) -> Any:
    if kind is str:
        words = OWN_NAMES[_EXTENSIBLE[name]] if name in _EXTENSIBLE else _WORDS[name]
        if text not in words and name in _EXTENSIBLE:
            words = (*words, *names_of(_EXTENSIBLE[name]))
        if text not in words:
            raise InvalidInput(f"The setting {name} is one of {', '.join(words)}, not {text!r}.")
        return text
    low, high = _LIMITS[name]
    try:
        numbers = [float(part) for part in text.split(",")] if kind is Triple else [float(text)]
    except ValueError:
        numbers = []
    whole = kind is not float
    wanted = 3 if kind is Triple else 1
    fits = all(math.isfinite(n) and low <= n <= high and (not whole or n == int(n)) for n in numbers)
    odd = name == "kernel"  # a convolution has a middle
    if len(numbers) != wanted or not fits or (odd and numbers[0] % 2 == 0):
        one = "an odd number" if odd else "a whole number" if whole else "a number"
        what = "three whole numbers z,y,x" if kind is Triple else one
        raise InvalidInput(f"The setting {name} is {what} from {low:g} to {high:g}, not {text!r}.")
    if kind is Triple:
        return tuple(int(n) for n in numbers)
    return int(numbers[0]) if whole else numbers[0]


def added_code(choices: Choices) -> dict[str, str]:
    """Return the SHA-256 of the source of everything chosen that is not Cristae's own: "loss mine", ...

    Examples
    --------
    >>> added_code(Choices(2, 1, (1, 2, 2), "section", 4, 16, (1, 512, 512), 8))
    {}
    """
    named = [(kind, str(getattr(choices, choice))) for choice, kind in _EXTENSIBLE.items()]
    return {f"{kind} {name}": digest_of(kind, name) for kind, name in named if name not in OWN_NAMES[kind]}


def written(value: Any) -> str:
    """Return a value as a person writes it."""
    if isinstance(value, tuple):
        return ",".join(str(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
