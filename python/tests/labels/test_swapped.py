"""An image and its labels the wrong way round."""

import numpy as np
import pytest
from scipy import ndimage

from cristae.errors import InvalidInput
from cristae.labels.swapped import check_not_swapped
from cristae.volumes import ArrayImage

GREY = np.random.default_rng(1).integers(0, 256, (3, 60, 60), np.uint8)


def cells(side):
    """Dense ids of cubes, several hundred of them."""
    return (
        np.arange(3 * side * side, dtype=np.uint16)
        .reshape(3, side, side)
        .repeat(60 // side, 1)
        .repeat(60 // side, 2)
    )


LABELS = {
    "many dense objects": 1 + cells(10),
    "objects of four pixels": 1 + cells(30),
    "one mask": (cells(10) % 7 == 0).astype(np.uint8),
    "ids in a 32-bit image": cells(10).astype(np.float32),
    "one stroke": np.pad(np.full((1, 1, 5), 2, np.uint8), ((1, 1), (20, 39), (20, 35))),
    "nothing": np.zeros((3, 60, 60), np.uint8),
    "noise of few classes": GREY % 5,
}
IMAGES = {
    "a micrograph of 8 bits": GREY,
    "fractions": ndimage.gaussian_filter(GREY.astype(np.float32), 1),
    "a smooth image of 8 bits": ndimage.gaussian_filter(GREY, 1.5),
    "with empty corners": np.where(np.add.outer(np.arange(60), np.arange(60)) < 40, 0, GREY),
}


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("labels", [name for name in LABELS if name != "objects of four pixels"])
def test_image_and_labels_the_wrong_way_round_are_refused(image, labels):
    with pytest.raises(InvalidInput, match="look the wrong way round"):
        check_not_swapped(ArrayImage(LABELS[labels]), ArrayImage(IMAGES[image]))


@pytest.mark.parametrize("image", [*IMAGES, "a constant"])
@pytest.mark.parametrize("labels", LABELS)
def test_labels_are_taken_for_labels_with_any_image(image, labels):
    voxels = IMAGES.get(image, np.full((3, 60, 60), 9, np.uint8))
    check_not_swapped(ArrayImage(voxels), ArrayImage(LABELS[labels]))


def test_an_image_with_little_noise_is_no_labels_by_itself():
    check_not_swapped(ArrayImage(LABELS["many dense objects"]), ArrayImage(LABELS["one mask"]))
