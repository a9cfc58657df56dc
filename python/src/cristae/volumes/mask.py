"""Whether a mask, or a box, fits its image."""

from collections.abc import Sequence

from cristae.errors import InvalidInput
from cristae.geometry import Box, Triple
from cristae.volumes.spec import VoxelSize


def check_box(box_zyx: Box, image_zyx: Sequence[int]) -> None:
    """Refuse a box (z, y, x) that reaches beyond its image.

    Examples
    --------
    >>> check_box(Box((0, 0, 0), (10, 64, 64)), (8, 64, 64))
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: z 0:10 reaches beyond the image, which has 0:8 there. Ask for less.
    """
    for axis, start, stop, side in zip("zyx", box_zyx.start, box_zyx.stop, image_zyx, strict=True):
        if start < 0 or stop > side:
            raise InvalidInput(
                f"{axis} {start}:{stop} reaches beyond the image, which has 0:{side} there. Ask for less."
            )


def check_mask(
    shape_czyx: Sequence[int],
    image_zyx: Sequence[int],
    size: VoxelSize | None = None,
    image_size: VoxelSize | None = None,
) -> Triple:
    """Refuse a mask that has several channels, or does not lie on the grid of its image or a coarser one.

    A coarser mask covers what the image covers, to within one of its voxels, where both voxel sizes are
    known. Where they are not, it is as coarse along y as along x: nobody makes it otherwise, and a small mask
    of another image fits by some two numbers nearly always.

    Parameters
    ----------
    shape_czyx
        Of the mask.
    image_zyx
        The shape of the image.
    size, image_size
        Of a voxel of the mask and of the image; None if it is not known.

    Returns
    -------
    tuple of int
        How many voxels of the image one of the mask stands for (z, y, x). The last one may stand for fewer or
        more: the image need not be a multiple.

    Raises
    ------
    InvalidInput
        It does not fit.

    Examples
    --------
    >>> check_mask((1, 10, 64, 65), (10, 256, 257))
    (1, 4, 4)
    """
    channels, *sides = shape_czyx
    if channels != 1:
        raise InvalidInput(f"The mask has {channels} channels; give one with a single channel.")
    z, y, x = (_times(side, whole) for side, whole in zip(sides, image_zyx, strict=True))
    mask, image = (" x ".join(map(str, shape)) for shape in (sides, image_zyx))
    if z is None or y is None or x is None:
        raise InvalidInput(
            f"The mask is {mask} voxels (z, y, x), the image {image}: along each axis a mask has as many "
            "voxels as its image, or one for every 2, 3 or another whole number of them. Give a mask of this "
            "very image, on its grid or made coarser by whole numbers."
        )
    if list(sides) == list(image_zyx):
        return z, y, x
    if size is not None and image_size is not None:
        _refuse_other_extent(sides, size, image_zyx, image_size)
        return z, y, x
    alike = _common(sides[1:], image_zyx[1:], {y, x})
    if alike is None:
        raise InvalidInput(
            f"The mask is {mask} voxels (z, y, x), the image {image}: it would be {y} times as coarse along "
            f"y and {x} times along x. A mask is as coarse along the one as along the other, unless both "
            "tell their voxel sizes. Give a mask of this very image."
        )
    return z, alike, alike


def _times(side: int, whole: int) -> int | None:
    """Return how many voxels in a row make one of the mask; at the end it may be cut off or filled up."""
    cut_off, filled_up = max(1, whole // side), -(-whole // side)
    return _best({n for n in (cut_off, filled_up) if _fits(n, side, whole)})


def _common(sides: Sequence[int], wholes: Sequence[int], numbers: set[int]) -> int | None:
    """Return which of some numbers of voxels makes one of the mask along all of the axes."""
    pairs = list(zip(sides, wholes, strict=True))
    either = numbers | {n for side, whole in pairs for n in (max(1, whole // side), -(-whole // side))}
    return _best({n for n in either if all(_fits(n, side, whole) for side, whole in pairs)})


def _fits(n: int, side: int, whole: int) -> bool:
    return side in (whole // n, -(-whole // n))


def _best(fitting: set[int]) -> int | None:
    # A short axis may fit two numbers; pyramids halve.
    return min(sorted(fitting), key=lambda n: n & (n - 1) != 0, default=None)


def _refuse_other_extent(
    sides: Sequence[int], size: VoxelSize, image_zyx: Sequence[int], image_size: VoxelSize
) -> None:
    extents = [n * length for n, length in zip(sides, size.zyx_nm, strict=True)]
    image = [n * length for n, length in zip(image_zyx, image_size.zyx_nm, strict=True)]
    pairs = zip(extents, image, size.zyx_nm, strict=True)
    # Voxel sizes are rounded when they are written.
    if any(abs(one - other) > 1.001 * voxel for one, other, voxel in pairs):
        told, of_image = (" x ".join(f"{length:.4g}" for length in one) for one in (extents, image))
        raise InvalidInput(
            f"The mask covers {told} nm (z, y, x), the image {of_image} nm: it is not a coarser mask of this "
            "image. Give one of this very image, or mend the voxel size of the one that is wrong."
        )
