"""Bring a prediction and its truth together, part by part."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import as_integers, check_range, check_same_shape, slabs
from cristae.volumes import Image, VoxelSize

PREDICTION = "predicted labels"
TRUTH = "true labels"


class LabelArray:
    """A label array of any number type as an image: evaluation need not store it, so 64-bit ids are welcome.

    Parameters
    ----------
    labels
        2D (y, x), 3D (z, y, x) or 4D (c, z, y, x).
    """

    def __init__(self, labels: npt.NDArray[Any]) -> None:
        if not 2 <= labels.ndim <= 4 or labels.size == 0:
            raise InvalidInput(
                f"A label array has 2 axes (y, x) or 3 (z, y, x) and at least one voxel; this one has the "
                f"shape "
                f"{labels.shape}."
            )
        self._labels = labels.reshape((1,) * (4 - labels.ndim) + labels.shape)
        channels, depth, height, width = self._labels.shape
        self.shape_czyx = (channels, depth, height, width)
        self.dtype: np.dtype[Any] = labels.dtype
        self.voxel_size: VoxelSize | None = None
        self.name = ""
        self.notes: tuple[str, ...] = ()

    def read(self, box_zyx: Box) -> npt.NDArray[Any]:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        return np.array(self._labels[(slice(None), *box_zyx.slices)])


def as_image(labels: Image | npt.NDArray[Any]) -> Image:
    """Return labels as an image, whatever holds them."""
    return LabelArray(labels) if isinstance(labels, np.ndarray) else labels


def check_pair(prediction: Image, truth: Image, z: Sequence[int] | None) -> tuple[int, int]:
    """Return the sections to compare, refusing images that do not fit each other voxel for voxel."""
    _, depth, height, width = truth.shape_czyx
    channels, *shape_zyx = prediction.shape_czyx
    if channels > 1 and shape_zyx == [depth, height, width]:
        raise InvalidInput(
            f"The {PREDICTION} have {channels} channels, but a label image has one. If they are "
            "probabilities, one channel for each class, choose probabilities; if they are masks that may "
            "overlap, choose masks."
        )
    check_same_shape(truth.shape_czyx, (1, depth, height, width), labels=TRUTH, image="truth")
    check_same_shape(prediction.shape_czyx, (1, depth, height, width), labels=PREDICTION, image="truth")
    return check_range((int(z[0]), int(z[1])) if z is not None else None, depth, "truth")


def parts(
    prediction: Image, truth: Image, z: tuple[int, int], margin_zyx: Sequence[int] = (0, 0, 0)
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any], Box, Box]]:
    """Yield predicted and true labels (z, y, x), part by part, in constant memory.

    Parameters
    ----------
    prediction, truth
        Of the same shape.
    z
        The sections, half-open.
    margin_zyx
        So many voxels more are read on each side, but none beyond the volume or the range of sections.

    Yields
    ------
    prediction, truth, read, core
        The labels of the box that was read; this box; and the part of it without margin. The cores make up
        the range.
    """
    shape_zyx = truth.shape_czyx[1:]
    everything = Box((z[0], 0, 0), (z[1], *shape_zyx[1:]))
    for core in slabs(shape_zyx, z):
        read = core.grown(margin_zyx).clipped(everything)
        predicted = as_integers(prediction.read(read)[0], PREDICTION)
        yield predicted, as_integers(truth.read(read)[0], TRUTH), read, core
