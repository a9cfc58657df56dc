import numpy as np
import pytest

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes import ArrayImage, Image


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 2, 3, 4)])
def test_arrays_of_two_to_four_axes_are_images(shape):
    voxels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    image = ArrayImage(voxels)
    assert isinstance(image, Image)
    assert image.shape_czyx == (1,) * (4 - len(shape)) + shape
    assert np.array_equal(image.read(Box.of_shape(image.shape_czyx[1:])).reshape(shape), voxels)


def test_what_is_read_is_a_fresh_array_in_native_order():
    voxels = np.arange(4, dtype=">u2").reshape(2, 2)
    image = ArrayImage(voxels)
    read = image.read(Box((0, 0, 0), (1, 2, 2)))
    read[:] = 9
    assert read.dtype.isnative
    assert voxels.tolist() == [[0, 1], [2, 3]]


def test_a_boolean_mask_is_an_image_of_zeros_and_ones():
    image = ArrayImage(np.array([[True, False]]))
    assert image.dtype == np.uint8
    assert image.read(Box((0, 0, 0), (1, 1, 2))).ravel().tolist() == [1, 0]


@pytest.mark.parametrize(
    "voxels", [np.zeros(3, np.uint8), np.zeros((1,) * 5, np.uint8), np.zeros((2, 2), complex)]
)
def test_other_arrays_are_refused(voxels):
    with pytest.raises(InvalidInput):
        ArrayImage(voxels)


@pytest.mark.parametrize("box", [Box((0, 0, 0), (1, 2, 3)), Box((0, -1, 0), (1, 1, 1)), Box((0, 0), (1, 1))])
def test_a_box_outside_is_refused_and_never_wraps_around(box):
    with pytest.raises(InvalidInput, match="not inside"):
        ArrayImage(np.zeros((2, 2), np.uint8)).read(box)
