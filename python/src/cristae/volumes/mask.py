"""Whether a mask fits its image."""

from collections.abc import Sequence

from cristae.errors import InvalidInput


def check_mask(shape_czyx: Sequence[int], image_zyx: Sequence[int]) -> None:
    """Refuse a mask that has several channels, or is finer than its image along an axis.

    Parameters
    ----------
    shape_czyx
        Of the mask.
    image_zyx
        The shape of the image.

    Raises
    ------
    InvalidInput
        It does not fit.

    Examples
    --------
    >>> check_mask((1, 10, 64, 64), (10, 256, 256))
    """
    channels, *sides = shape_czyx
    if channels != 1:
        raise InvalidInput(f"The mask has {channels} channels; give one with a single channel.")
    if any(side > whole for side, whole in zip(sides, image_zyx, strict=True)):
        mask, image = (" x ".join(map(str, shape)) for shape in (sides, image_zyx))
        raise InvalidInput(
            f"The mask is {mask} voxels (z, y, x), the image {image}: a mask is as large as its image, or "
            "coarser."
        )
