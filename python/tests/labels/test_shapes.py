"""Labels that do not fit their image."""

import pytest

from cristae.errors import InvalidInput
from cristae.labels import check_same_shape


@pytest.mark.parametrize(
    ("labels", "image", "cause"),
    [
        ((1, 5, 8, 6), (1, 5, 6, 8), "rows and columns look swapped"),
        ((1, 6, 8, 5), (1, 5, 8, 6), "transposed"),
        ((3, 5, 8, 6), (1, 5, 8, 6), "RGB"),
        ((3, 5, 8, 6), (1, 5, 8, 6), "choose masks"),
        ((2, 5, 8, 6), (2, 5, 8, 6), "2 channels"),
        ((5, 1, 8, 6), (1, 5, 8, 6), "read as channels"),
        ((10, 1, 8, 6), (2, 5, 8, 6), "mixed up"),
        ((1, 10, 8, 6), (2, 5, 8, 6), "section per channel"),
        ((1, 5, 8, 6), (5, 1, 8, 6), "sections of the image look stored as channels"),
        ((1, 4, 8, 6), (1, 5, 8, 6), "1 section is missing in the labels"),
        ((1, 3, 8, 6), (1, 5, 8, 6), "2 sections are missing in the labels"),
        ((1, 6, 8, 6), (1, 5, 8, 6), "1 section too many"),
        ((1, 1, 8, 6), (1, 5, 8, 6), "single section"),
        ((1, 5, 32, 24), (1, 5, 64, 48), "scaled down 2 times"),
        ((1, 5, 64, 48), (1, 5, 16, 12), "scaled up 4 times"),
        ((1, 5, 7, 6), (1, 5, 8, 6), "another image"),
        ((4, 3, 7, 6), (1, 5, 8, 6), "one channel"),
    ],
)
def test_both_shapes_and_the_likely_cause_are_told(labels, image, cause):
    with pytest.raises(InvalidInput) as refusal:
        check_same_shape(labels, image)
    assert cause in refusal.value.sentence


def test_one_image_is_told_in_the_singular():
    sentence = r"raw image is 4 x 8 x 6 .*, the labels are 5 x 8 x 6: 1 section is missing in the raw image"
    with pytest.raises(InvalidInput, match=sentence):
        check_same_shape((1, 4, 8, 6), (1, 5, 8, 6), labels="raw image", image="labels")
    with pytest.raises(InvalidInput, match="the raw image looks scaled down 2 times"):
        check_same_shape((1, 5, 32, 24), (1, 5, 64, 48), labels="raw image", image="labels")


def test_both_shapes_are_spelled_out():
    with pytest.raises(InvalidInput, match=r"4 x 8 x 6 voxels \(z, y, x\), the image is 5 x 8 x 6"):
        check_same_shape((1, 4, 8, 6), (2, 5, 8, 6))


@pytest.mark.parametrize("image", [(1, 5, 8, 6), (3, 5, 8, 6)])
def test_labels_with_one_channel_fit_an_image_with_many(image):
    check_same_shape((1, 5, 8, 6), image)


def test_one_image_is_told_of_as_one():
    with pytest.raises(InvalidInput) as told:
        check_same_shape((1, 50, 100, 200), (1, 12, 64, 64), labels="raw image", image="labels")
    assert str(told.value) == (
        "The raw image is 50 x 100 x 200 voxels (z, y, x), the labels are 12 x 64 x 64: one of the two "
        "belongs to another image, or was cropped."
    )
