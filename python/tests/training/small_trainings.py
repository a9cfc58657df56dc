"""A small training of every kind; a few steps of it take less than a second."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cristae.models import ModelLibrary
from cristae.training import Budget, TrainingRequest
from cristae.volumes import ArrayImage, VoxelSize

STEPS = 4
IN_2D = {"dimensions": "2", "patch_zyx": "1,16,16", "batch": "3"}
IN_3D = {"dimensions": "3", "patch_zyx": "8,16,16", "batch": "1"}
EVERY_VARIANT = {f"augment_{group}": "full" for group in ("geometry", "intensity", "sections")}
DEEP = {"levels": "3", "deep_supervision": "on"}
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "classes in sections": ("classes", IN_2D),
    "classes in volumes, with every variant": ("classes", IN_3D | EVERY_VARIANT),
    "masks in sections, deeply supervised": ("masks", IN_2D | DEEP),
    "masks in volumes, drawn where it errs": ("masks", IN_3D | {"error_share": "0.5"}),
    "objects in volumes, deeply supervised": ("instances", IN_3D | DEEP | {"loss": "boundary"}),
    "pseudo-labels": ("classes", IN_2D | {"pseudo": "on", "validation": "0"}),
    "pre-training": ("classes", IN_2D | {"pretrain": "0.5", "loss": "focal"}),
}
"""Target and choices of each, by name."""


def data_for(target: str, *, is_dense: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image (z, y, x) and its labels, of which in one place there are more than in others."""
    random = np.random.default_rng(0)
    one, two = random.integers(0, 2, (2, 4, 6, 6), np.uint8).repeat(4, 1).repeat(4, 2).repeat(4, 3)
    two[:, :12] = 0
    image = 60 + 60 * one + 50 * two + random.integers(0, 20, one.shape)
    ids = np.arange(1, 4 * 6 * 6 + 1).reshape(4, 6, 6).repeat(4, 0).repeat(4, 1).repeat(4, 2) * one
    labels = {"classes": one + one * two, "masks": np.stack([one, two]), "instances": ids}[target]
    if not is_dense:
        labels[8:] = 0  # sections without labels are unknown
    return image.astype(np.uint8), labels.astype(np.uint8)


def request_for(
    name: str,
    processes: int = 1,
    steps: int = STEPS,
    *,
    start_from: Path | None = None,
    validation_z: tuple[int, int] | None = None,
    **choices: str,
) -> TrainingRequest:
    """The training, with the batch of so many processes, further choices, and the only model of a library."""
    target, chosen = KINDS[name]
    settings = {"features": "4", "levels": "2", "downsample_zyx": "1,1,1", "precision": "float32"}
    settings |= chosen | choices
    settings["batch"] = str(processes * int(settings["batch"]))
    image, labels = data_for(target, is_dense="pseudo" not in chosen)
    size = VoxelSize(5, 5, 5)
    return TrainingRequest(
        [(ArrayImage(image, size), ArrayImage(labels, size))],
        "m",
        target=target,  # type: ignore[arg-type]
        budget=Budget(steps=steps),
        validation_z=validation_z,
        settings=settings,
        start_from=None if start_from is None else ModelLibrary(start_from).list()[0],
    )
