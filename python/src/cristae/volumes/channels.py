"""Several images of one shape, seen as the channels of one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes.image import Image, Voxels


class ImagesAsChannels:
    """Images of one channel and of equal shape as one image with a channel for each.

    Parameters
    ----------
    images
        At least one.
    name
        For people.

    Raises
    ------
    InvalidInput
        An image has several channels, or another shape than the first.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> one, two = ArrayImage(np.zeros((2, 3), np.uint8)), ArrayImage(np.ones((2, 3), np.uint16))
    >>> both = ImagesAsChannels([one, two])
    >>> both.shape_czyx, both.dtype.name
    ((2, 1, 2, 3), 'uint16')
    """

    def __init__(self, images: Sequence[Image], name: str = "") -> None:
        first = images[0]
        for image in images:
            if image.shape_czyx[0] != 1:
                raise InvalidInput(f"{image.name} has {image.shape_czyx[0]} channels; one was expected.")
            if image.shape_czyx != first.shape_czyx:
                shapes = [" x ".join(map(str, each.shape_czyx[1:])) for each in (first, image)]
                raise InvalidInput(
                    f"{first.name} is {shapes[0]} voxels (z, y, x), but {image.name} is {shapes[1]}: give "
                    "all of them the same shape."
                )
        self._images = tuple(images)
        self.shape_czyx = (len(images), *first.shape_czyx[1:])
        self.dtype: np.dtype[Any] = np.result_type(*(image.dtype for image in images))
        self.voxel_size = first.voxel_size
        self.name = name
        self.notes = tuple(dict.fromkeys(note for image in images for note in image.notes))

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        return np.concatenate([image.read(box_zyx) for image in self._images]).astype(self.dtype, copy=False)
