"""Whether a mask fits its image."""

from collections.abc import Sequence

from cristae.errors import InvalidInput

type Triple = tuple[int, int, int]


def check_mask(shape_czyx: Sequence[int], image_zyx: Sequence[int]) -> Triple:
    """Refuse a mask that has several channels, or does not lie on the grid of its image or a coarser one.

    Parameters
    ----------
    shape_czyx
        Of the mask.
    image_zyx
        The shape of the image.

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
    if z is None or y is None or x is None:
        mask, image = (" x ".join(map(str, shape)) for shape in (sides, image_zyx))
        raise InvalidInput(
            f"The mask is {mask} voxels (z, y, x), the image {image}: along each axis a mask has as many "
            "voxels as its image, or one for every 2, 3 or another whole number of them. Give a mask of this "
            "very image, on its grid or made coarser by whole numbers."
        )
    return z, y, x


def _times(side: int, whole: int) -> int | None:
    """Return how many voxels in a row make one of the mask; at the end it may be cut off or filled up."""
    cut_off, filled_up = max(1, whole // side), -(-whole // side)
    fitting = {n for n in (cut_off, filled_up) if side in (whole // n, -(-whole // n))}
    # A short axis may fit two numbers; pyramids halve.
    return min(sorted(fitting), key=lambda n: n & (n - 1) != 0, default=None)
