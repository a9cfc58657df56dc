"""The model that a training goes on from: whether it fits, and what the plan takes over from it.

Nothing here loads torch: the server asks before it queues a job.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from cristae.errors import InvalidInput
from cristae.geometry import Triple
from cristae.training.choices import Choices, read_settings, written

if TYPE_CHECKING:
    from cristae.training.request import StartingModel
    from cristae.volumes import VoxelSize

LEARNING_RATE = 5e-4
"""Weights that know something already are changed in smaller steps than fresh ones."""

_OF_THE_NETWORK = ("learner", "context", "size", "levels", "features", "blocks", "kernel")
_PLACEHOLDER = re.compile(r"(class|mask|unused|unknown) \d+")
_LARGEST_REDUCTION = 8
_LIKE_SIZES = 1.1


def refuse_unfit(
    name: str,
    record: Mapping[str, Any],
    *,
    target: str,
    channels: int,
    sections: int,
    settings: Mapping[str, str],
) -> None:
    """Refuse a model that these images, labels and choices cannot go on from.

    Parameters
    ----------
    name, record
        Of the model.
    target
        What is to be learned: "classes", "masks" or "instances".
    channels
        Of the images.
    sections
        Of the deepest image.
    settings
        A person's own choices.

    Raises
    ------
    InvalidInput
        It is a forest, was trained for another target, or sees other channels or dimensions; or what it
        learned would be learned over.
    """
    pretrain = settings.get("pretrain", "0").strip()
    if read_settings({"pretrain": pretrain})["pretrain"] > 0:
        raise InvalidInput(
            f"pretrain={pretrain} would overwrite what the model {name!r} has learned: it is for a network "
            "that begins anew. Leave pretrain out, or do not start from a model."
        )
    if record["network"].get("kind") == "forest":
        raise InvalidInput(
            f"The model {name!r} is a random forest, which has no weights to start from. Start from a "
            "network, or without a model."
        )
    if record["target"] != target:
        raise InvalidInput(
            f"The model {name!r} was trained on {record['target']}, these labels are read as {target}. "
            f"Choose {record['target']} here too, or start from another model."
        )
    if record["channels"] != channels:
        raise InvalidInput(
            f"The model {name!r} was trained on images with {_channels(record['channels'])}, these have "
            f"{_channels(channels)}. Train on images with as many, or start from another model."
        )
    if record["network"]["dims"] == 3 and sections == 1:
        raise InvalidInput(
            f"The model {name!r} works in 3D, and these images are single sections. Train on volumes, or "
            "start from a model that works in 2D."
        )


def choices_of(
    start_from: "StartingModel", settings: Mapping[str, str], voxel_size: "VoxelSize | None"
) -> dict[str, str]:
    """Return the choices that follow from the model, as ``--set`` takes them.

    Parameters
    ----------
    start_from
        The model.
    settings
        A person's own choices; those that make another network are refused.
    voxel_size
        Of the images, if known: the network goes on to see voxels as large as it was trained on, as far as
        whole numbers of them can be averaged.

    Raises
    ------
    InvalidInput
        A setting does not go together with the weights.
    """
    record = start_from.record
    theirs = {choice.name: str(choice.default) for choice in fields(Choices)}  # older models know fewer
    theirs |= {name: str(value) for name, value in record["plan"]["settings"].items()}
    found = {"dimensions": str(record["network"]["dims"])} | {name: theirs[name] for name in _OF_THE_NETWORK}
    for name, own in found.items():
        if settings.get(name, own).strip() != own:
            raise InvalidInput(
                f"The network comes from the model {start_from.name!r}, with {name}={own}; "
                f"{name}={settings[name]} would be another one. Leave {name} out, or start without a model."
            )
    found["normalisation"] = str(record["preprocessing"]["normalisation"])
    found["downsample_zyx"] = written(_reduction(record, voxel_size))
    found["learning_rate"] = written(LEARNING_RATE)
    return found


def _reduction(record: Mapping[str, Any], voxel_size: "VoxelSize | None") -> Triple:
    """Return how many voxels of the images make one of those that the network was trained on."""
    z, y, x = (int(factor) for factor in record["working_voxel"]["downsample_zyx"])
    if record["voxel_size_nm"] is None or voxel_size is None:
        return z, y, x
    ratios = [theirs / ours for theirs, ours in zip(record["voxel_size_nm"], voxel_size.zyx_nm, strict=True)]
    z, y, x = (
        min(max(round(factor * ratio), 1), _LARGEST_REDUCTION)
        for factor, ratio in zip((z, y, x), ratios, strict=True)
    )
    return (z if record["network"]["dims"] == 3 else 1), y, x


def start_told(
    start_from: "StartingModel",
    ours: Sequence[str],
    downsample_zyx: Sequence[int],
    voxel_size: "VoxelSize | None",
    freeze: str,
) -> tuple[str, ...]:
    """Say what a training goes on from, and what of it is new.

    Parameters
    ----------
    start_from
        The model.
    ours
        Names of the classes or masks, without the background.
    downsample_zyx, voxel_size
        Of this training.
    freeze
        "none" or "encoder".
    """
    name, record = start_from.name, start_from.record
    told = [
        f"The training goes on from the model {name!r}: its weights, its network, its normalisation and its "
        "working voxel size."
    ]
    theirs = [str(entry["name"]) for entry in record["classes"]]
    fresh = [our for our, row in zip(ours, matching_rows(theirs, ours), strict=True) if row is None]
    if fresh:
        told.append(f"Its last layer is new for {', '.join(fresh)}, which {name!r} does not know.")
    if freeze == "encoder":
        told.append(
            "All of it but the last layer stays as it is."
            if record["network"].get("kind") == "added"
            else "Its encoder stays as it is; only the decoder and the last layer learn."
        )
    if record["voxel_size_nm"] is None or voxel_size is None:
        return tuple(told)
    factors = record["working_voxel"]["downsample_zyx"]
    # In depth, a network that sees sections has no voxel size.
    axes = (0, 1, 2) if record["network"]["dims"] == 3 else (1, 2)
    ratio = max(
        (record["voxel_size_nm"][a] * factors[a] / (voxel_size.zyx_nm[a] * downsample_zyx[a]) for a in axes),
        key=lambda r: max(r, 1 / r),
    )
    if not 1 / _LIKE_SIZES <= ratio <= _LIKE_SIZES:
        told.append(
            f"Objects look {ratio:.2g} times as large to the network as where {name!r} was trained, because "
            "the voxel sizes differ."
        )
    return tuple(told)


def matching_rows(theirs: Sequence[str], ours: Sequence[str]) -> list[int | None]:
    """Return for each class which one of the model it is, or None: by name, or by number without one.

    Examples
    --------
    >>> matching_rows(["mito", "er"], ["er", "golgi"])
    [1, None]
    >>> matching_rows(["class 1", "er"], ["mito"])  # what nobody named is known by its number
    [0]
    """
    rows = [theirs.index(name) if name in theirs else None for name in ours]
    for number, name in enumerate(ours):
        if rows[number] is not None or number >= len(theirs) or number in rows:
            continue
        if _PLACEHOLDER.fullmatch(name) or _PLACEHOLDER.fullmatch(theirs[number]):
            rows[number] = number
    return rows


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
