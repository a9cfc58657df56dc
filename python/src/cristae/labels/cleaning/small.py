"""Objects below a size are taken away."""

import math

import numpy as np

from cristae.errors import InvalidInput
from cristae.labels.cleaning.objects import Objects, told, were
from cristae.volumes import VoxelSize


def remove_small(
    objects: Objects,
    voxel_size: VoxelSize | None,
    *,
    minimum_nm3: float | None = None,
    minimum_voxels: int | None = None,
) -> tuple[Objects, str]:
    """Remove the objects that are smaller than a volume or a number of voxels.

    Parameters
    ----------
    objects
        The objects.
    voxel_size
        Needed for a volume.
    minimum_nm3, minimum_voxels
        One of the two; objects of just this size stay.

    Returns
    -------
    objects, sentence
        Those that stay with their ids, and what was done.

    Raises
    ------
    InvalidInput
        Neither or both sizes are given, one is no number above 0, or a volume cannot be told.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> three = Objects.of(ArrayImage(np.array([[[1, 2, 2, 3, 3, 3]]], np.uint8)))
    >>> rest, sentence = remove_small(three, None, minimum_voxels=2)
    >>> rest.ids.tolist(), sentence
    ([2, 3], '1 of 3 objects was smaller than 2 voxels and was removed.')
    """
    least = check_minimum(voxel_size, minimum_nm3, minimum_voxels, is_flat=objects.is_flat)
    size, unit = 1.0, "voxel" if least == 1 else "voxels"
    if minimum_nm3 is not None and voxel_size is not None:
        size, unit = float(np.prod(voxel_size.zyx_nm)), "nm^3"
    # Sides such as 4.6 nm are not exact: what is as large as the minimum must not be lost by rounding.
    small = objects.voxels * size < least * (1 - 1e-12)
    count = int(np.count_nonzero(small))
    verb = were(count, objects.ids.size)
    counted = told(count, objects.ids.size)
    sentence = f"{counted} {verb} smaller than {least:,.15g} {unit} and {verb} removed."
    return objects.renamed(np.where(small, 0, objects.ids)), sentence


def check_minimum(
    voxel_size: VoxelSize | None, minimum_nm3: float | None, minimum_voxels: int | None, *, is_flat: bool
) -> float:
    """Return the least size, in cubic nanometres or voxels, or refuse one that means nothing."""
    if (minimum_nm3 is None) == (minimum_voxels is None):
        raise InvalidInput("Give the minimum size either in cubic nanometres or in voxels.")
    least = float(minimum_voxels if minimum_nm3 is None else minimum_nm3)  # type: ignore[arg-type]
    if not (math.isfinite(least) and least > 0):
        raise InvalidInput(f"The minimum size is {least:g}; it must be a number above 0.")
    if minimum_nm3 is not None and is_flat:
        raise InvalidInput("A single section has no volumes. Give the minimum size in voxels.")
    if minimum_nm3 is not None and voxel_size is None:
        raise InvalidInput(
            "The labels do not say how large a voxel is, so their volumes are not known. Give the voxel "
            "size, or the minimum size in voxels."
        )
    return least
