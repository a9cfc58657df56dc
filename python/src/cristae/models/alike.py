"""Which models can answer together: the same question, about the same voxels."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Literal, get_args

from cristae.errors import InvalidInput

type Combine = Literal["mean", "median", "vote"]
COMBINATIONS: tuple[Combine, ...] = get_args(Combine.__value__)
MOST_MODELS = 16
_LIKE_SIZES = 1.1


def check_combination(combine: str) -> Combine:
    """Return the way to combine answers if it is one.

    Raises
    ------
    InvalidInput
        Naming those that there are.
    """
    for known in COMBINATIONS:
        if combine == known:
            return known
    raise InvalidInput(f"Models are combined by {', '.join(COMBINATIONS)}, not {combine!r}.")


def combination_of(combine: str | None, models: int) -> Combine:
    """Return how so many models answer together.

    Parameters
    ----------
    combine
        What was asked for; None for the mean.
    models
        How many there are.

    Raises
    ------
    InvalidInput
        It is no way to combine answers, or there are not several of them.

    Examples
    --------
    >>> combination_of(None, 1), combination_of("vote", 3)
    ('mean', 'vote')
    """
    if combine is None:
        return "mean"
    known = check_combination(combine)
    if models == 1:
        raise InvalidInput(
            f"One model is given, and combine={known} says how several answer together. Name further models, "
            "or leave it out."
        )
    return known


def refuse_unlike(named: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse models whose answers cannot be combined.

    Parameters
    ----------
    named
        Name and record of each model.

    Raises
    ------
    InvalidInput
        Two are the same, there are too many, or one differs from the first in target, classes, channels,
        voxel size or the grid of its network.
    """
    if len(named) > MOST_MODELS:
        raise InvalidInput(f"{len(named)} models are given; at most {MOST_MODELS} are combined.")
    (first_name, first), *others = named
    for number, (name, record) in enumerate(others, 1):
        for other, theirs in named[:number]:
            if theirs["weights_sha256"] == record["weights_sha256"]:
                raise InvalidInput(_same_told(other, name))
        for what, of in _COMPARED.items():
            if not _like(of(first), of(record)):
                raise InvalidInput(
                    f"The models {first_name!r} and {name!r} cannot be combined: {what} {_told(of(first))} "
                    f"of the one, {_told(of(record))} of the other. Choose models that were trained "
                    "alike, with the same names of classes."
                )


def _same_told(one: str, other: str) -> str:
    if one == other:
        return f"The model {one!r} is given twice. Give different ones."
    return (
        f"The models {one!r} and {other!r} have the same weights: the same images and labels with the same "
        "seed give the same model. Train one of them with another seed, or on other data."
    )


def _stride(record: Mapping[str, Any]) -> list[int]:
    """Return the grid of a network, in voxels of its input (z, y, x)."""
    network = record["network"]
    if "stride_zyx" in network:  # of a network that was added
        return [int(stride) for stride in network["stride_zyx"]]
    strides = network.get("strides_zyx", [])  # a forest has none
    return [prod(int(stride[axis]) for stride in strides) for axis in range(3)]


_COMPARED: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "the target is": lambda record: record["target"],
    "the classes are": lambda record: [entry["name"] for entry in record["classes"]],
    "the channels of the image are": lambda record: record["channels"],
    "the voxel size in nm is": lambda record: record["voxel_size_nm"],
    "the dimensions of the network are": lambda record: record["network"].get("dims", 2),  # of a forest
    "the voxels that the network sees as one are": lambda record: record["working_voxel"]["downsample_zyx"],
    "the voxels on its coarsest level stand for": _stride,
}


def _like(one: Any, other: Any) -> bool:
    """Tell whether two values are the same; sides of voxels may differ by a tenth."""
    numbers = [isinstance(v, list) and all(isinstance(n, int | float) for n in v) for v in (one, other)]
    if all(numbers):
        return all(1 / _LIKE_SIZES <= a / b <= _LIKE_SIZES for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_told(part) for part in value) or "none"
    return "not known" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
