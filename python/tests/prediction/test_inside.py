"""A mask says which part of an image is predicted; outside is 0, and inside is what it would be without."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cristae.errors import InvalidInput
from cristae.events import Note
from cristae.geometry import Box
from cristae.prediction import load_predictor, predict
from cristae.prediction.inside import Inside
from cristae.prediction.instances import InMemory
from cristae.volumes import ArrayImage, VoxelSize
from cristae.volumes.mask import check_mask

TILE = (5, 48, 48)


def predicted(predictor, voxels, **choices):
    told = []
    output = InMemory((3 if choices.get("kind") == "probabilities" else 1, *voxels.shape))
    output.voxels[:] = 99
    predict(predictor, ArrayImage(voxels), output, tile_shape_zyx=TILE, on_event=told.append, **choices)
    return output.voxels, [event.sentence for event in told if isinstance(event, Note)]


def large(tissue):
    return np.tile(tissue, (1, 3, 3))[:, :200, :220]


@pytest.mark.parametrize("kind", ["labels", "probabilities", "uncertainty"])
@pytest.mark.parametrize("network", ["volume", "sections"])
def test_inside_it_is_as_without_a_mask_and_outside_it_is_0(random_model, tissue, network, kind):
    predictor = load_predictor(random_model(network), "cpu", engine="torch")
    voxels = large(tissue)
    mask = np.zeros(voxels.shape, np.uint8)
    mask[2:9, 60:130, 70:101] = 200
    whole, _ = predicted(predictor, voxels, kind=kind)
    part, told = predicted(predictor, voxels, kind=kind, inside=ArrayImage(mask))
    assert np.array_equal(part, whole * (mask > 0))
    assert any("tiles lie outside of the mask: not computed" in sentence for sentence in told)


@pytest.mark.parametrize("network", ["volume", "sections"])
def test_a_box_is_as_a_mask_of_its_voxels(random_model, tissue, network):
    predictor = load_predictor(random_model(network), "cpu", engine="torch")
    voxels, box = large(tissue), Box((2, 60, 70), (9, 130, 101))
    mask = np.zeros(voxels.shape, np.uint8)
    mask[box.slices] = 1
    by_mask, _ = predicted(predictor, voxels, inside=ArrayImage(mask))
    by_box, told = predicted(predictor, voxels, inside=box)
    assert by_box.any()
    assert np.array_equal(by_box, by_mask)
    assert any("tiles lie outside of the part asked for: not computed" in sentence for sentence in told)


def test_a_box_must_lie_in_its_image(random_model, tissue):
    predictor = load_predictor(random_model("volume"), "cpu", engine="torch")
    with pytest.raises(InvalidInput, match=r"x 5:49 reaches beyond the image, which has 0:48 there"):
        predicted(predictor, tissue[:5, :40, :48], inside=Box((0, 0, 5), (5, 40, 49)))


def test_nothing_is_computed_outside(random_model, tissue, monkeypatch):
    predictor = load_predictor(random_model("volume"), "cpu", engine="torch")
    monkeypatch.setattr(predictor, "predict", lambda *_: pytest.fail("a tile was computed"))
    voxels = large(tissue)
    nothing, _ = predicted(predictor, voxels, inside=ArrayImage(np.zeros(voxels.shape, np.uint8)))
    assert not nothing.any()


def test_a_coarse_mask_stands_for_the_voxels_that_lie_in_it(random_model, tissue):
    predictor = load_predictor(random_model("volume"), "cpu", engine="torch")
    voxels = large(tissue)[:12]
    coarse = np.zeros((3, 50, 55), np.uint8)
    coarse[1, 10:30, 5:22] = 1
    fine = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    part, told = predicted(predictor, voxels, inside=ArrayImage(coarse))
    assert np.array_equal(part, predicted(predictor, voxels, inside=ArrayImage(fine))[0])
    assert "The mask is 4 x 4 x 4 times as coarse as the image (z, y, x)." in told


@given(st.integers(1, 12), st.integers(1, 60), st.booleans(), st.data())
def test_every_voxel_takes_the_voxel_of_the_mask_in_which_it_lies(times, whole, is_filled_up, data):
    mask = np.arange(whole)[::times] // times if is_filled_up else np.arange(whole // times)
    assume(mask.size > times)  # a short axis may fit another number too
    start = data.draw(st.integers(0, whole - 1))
    stop = data.draw(st.integers(start + 1, whole))
    marked = data.draw(st.integers(0, mask.size - 1))
    inside = Inside(ArrayImage((mask == marked).astype(np.uint8)[None]), (1, 1, whole))
    found = inside.of(Box((0, 0, start), (1, 1, stop)))
    expected = [min(x // times, mask.size - 1) == marked for x in range(start, stop)]
    assert (found is None and not any(expected)) or found.ravel().tolist() == expected


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_mask_fits_an_image_if_a_whole_number_of_voxels_makes_one_of_it(side, whole):
    numbers = [n for n in range(1, whole + 1) if side in (whole // n, -(-whole // n))]
    if numbers:
        assert check_mask((1, 1, 1, side), (1, 1, whole))[2] in numbers
    else:
        with pytest.raises(InvalidInput, match="as many voxels as its image"):
            check_mask((1, 1, 1, side), (1, 1, whole))


def test_where_two_numbers_fit_it_is_that_of_a_pyramid():
    assert check_mask((1, 2, 3, 2), (5, 14, 9)) == (2, 4, 4)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_mask_with_what_is_no_number_is_refused_before_anything_is_written(random_model, tissue, broken):
    mask = np.ones(tissue.shape, np.float32)
    mask[-1, -1, -1] = broken
    output = InMemory((1, *tissue.shape))
    output.write = lambda *_: pytest.fail("something was written")
    with pytest.raises(InvalidInput, match="The mask contains NaN or infinity"):
        predict(random_model("sections"), ArrayImage(tissue), output, device="cpu", inside=ArrayImage(mask))
    with pytest.raises(InvalidInput, match="The mask contains NaN or infinity"):  # as a part is read
        Inside(ArrayImage(mask), mask.shape).of(Box.of_shape(mask.shape))


def test_a_mask_that_is_0_everywhere_is_told(random_model, tissue):
    predictor = load_predictor(random_model("sections"), "cpu", engine="torch")
    sentence = "The mask is 0 everywhere: the result is empty."
    mask = np.zeros(tissue.shape, np.uint8)
    found, told = predicted(predictor, tissue, inside=ArrayImage(mask))
    assert sentence in told
    assert not found.any()
    mask[-1, -1, -1] = 1
    assert sentence not in predicted(predictor, tissue, inside=ArrayImage(mask))[1]


def test_labels_in_the_place_of_the_image_are_doubted(random_model, tissue):
    predictor = load_predictor(random_model("sections"), "cpu", engine="torch")
    doubt = "The image has patches of one value, as labels have"
    mask = np.zeros(tissue.shape, np.uint8)
    mask[:, :9] = 255
    assert any(told.startswith(doubt) for told in predicted(predictor, mask)[1])
    assert not any(told.startswith(doubt) for told in predicted(predictor, tissue)[1])


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2, 3, 4, 5), "has 2 channels"),
        ((1, 3, 4, 7), "as many voxels as its image, or one for"),
        ((1, 3, 4, 5), r"is 3 x 4 x 5 voxels \(z, y, x\), the image 3 x 4 x 6: .* very image"),
    ],
)
def test_a_mask_of_something_else_is_refused(shape, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        Inside(ArrayImage(np.zeros(shape, np.uint8)), (3, 4, 6))


@pytest.mark.parametrize(("mask", "image"), [((3, 5, 7), (50, 100, 200)), ((4, 10, 40), (4, 40, 80))])
def test_a_mask_of_another_image_is_refused_though_some_numbers_fit(mask, image):
    with pytest.raises(InvalidInput, match=r"it would be \d+ times as coarse along y and \d+ times along x"):
        Inside(ArrayImage(np.zeros(mask, np.uint8)), image)
    size, coarse = VoxelSize(10, 4, 4), VoxelSize(40, 16, 16)
    with pytest.raises(InvalidInput, match=r"The mask covers .* nm \(z, y, x\), the image"):
        Inside(ArrayImage(np.zeros(mask, np.uint8), coarse), image, size)


def test_a_coarser_mask_covers_what_its_image_covers_to_within_one_of_its_voxels():
    image, size = (10, 103, 210), VoxelSize(50, 5, 5)
    coarse = VoxelSize(50, 20, 10)
    for rows in (25, 26):  # cut off, filled up
        assert check_mask((1, 10, rows, 105), image, coarse, size) == (1, 4, 2)
    with pytest.raises(
        InvalidInput, match=r"covers 500 x 520 x 2100 nm \(z, y, x\), the image 500 x 515 x 1050 nm"
    ):
        check_mask((1, 10, 26, 105), image, VoxelSize(50, 20, 20), size)
    # What is as large as the image lies on its grid, whatever it says.
    assert check_mask((1, *image), image, VoxelSize(1, 1, 1), size) == (1, 1, 1)
    assert check_mask((1, 10, 25, 52), image, None, size) == (1, 4, 4)


def test_a_short_axis_that_fits_two_numbers_takes_that_of_the_long_one():
    assert check_mask((1, 1, 3, 100), (1, 14, 600)) == (1, 6, 6)
