"""A part that is predicted by itself is what a prediction of the whole image has there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cristae.errors import Busy, Cancelled, InvalidInput
from cristae.geometry import Box
from cristae.networks import Statistics
from cristae.networks.statistics import gathered_statistics
from cristae.prediction import Predictor, load_predictor, predict
from cristae.prediction.instances import InMemory
from cristae.prediction.part import PartOfImage, PartPrediction
from cristae.prediction.predictor import Kind
from cristae.volumes import ArrayImage, Image, VoxelSize

KINDS: tuple[Kind, ...] = ("labels", "probabilities", "uncertainty")
REGIONS = [
    Box((6, 0, 0), (7, 75, 91)),
    Box((0, 31, 40), (1, 52, 61)),
    Box((12, 60, 0), (13, 75, 7)),
    Box((3, 17, 90), (6, 18, 91)),
]


def whole(predictor: Predictor, image: Image, kind: Kind) -> NDArray[np.uint8]:
    output = InMemory((3 if kind == "probabilities" else 1, *image.shape_czyx[1:]))
    predict(predictor, image, output, kind=kind)
    return output.voxels


def by_itself(predictor: Predictor, image: Image, region: Box, kind: Kind) -> NDArray[np.uint8]:
    """Predict a part with nothing of the image but what is said to be needed."""
    shape, size = image.shape_czyx, image.voxel_size
    needed = PartPrediction(predictor, PartOfImage(shape, size), region).needed
    measured = [gathered_statistics(map(image.read, boxes)) for boxes in needed.samples]
    part = PartOfImage(shape, size, needed.box, image.read(needed.box))
    prediction = PartPrediction(predictor, part, region)
    assert prediction.needed == needed
    return prediction.run(kind, measured, needed.box)


@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_what_the_whole_image_has_there(
    predictor: Predictor, tissue: NDArray[np.uint8], region: Box, kind: Kind
) -> None:
    image = ArrayImage(tissue)
    found = by_itself(predictor, image, region, kind)
    expected = whole(predictor, image, kind)[(slice(None), *region.slices)]
    if kind == "labels":
        assert len(np.unique(whole(predictor, image, kind))) == 3
        assert np.array_equal(found, expected)
    else:  # torch adds in another order for tiles of another shape
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert np.mean(found != expected) < 0.01


@pytest.mark.parametrize("scale", [20, 1], ids=["grey values of another scale", "those of the training"])
def test_an_image_that_is_normalised_by_itself_is_so_in_a_part_too(
    random_model: Callable[..., Any], tissue: NDArray[np.uint8], scale: int
) -> None:
    predictor = load_predictor(random_model("volume"), "cpu")
    image = ArrayImage(tissue.astype(np.uint16) * scale)
    region = Box((5, 20, 30), (6, 60, 70))
    expected = whole(predictor, image, "labels")[(slice(None), *region.slices)]
    assert np.array_equal(by_itself(predictor, image, region, "labels"), expected)


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_a_part_of_an_image_with_other_voxels_than_the_models_is_that_of_the_whole(
    random_model: Callable[..., Any], tissue: NDArray[np.uint8], region: Box
) -> None:
    predictor = load_predictor(random_model("volume", voxel_size_nm=[30.0, 8.0, 9.0]), "cpu")
    image = ArrayImage(tissue, VoxelSize(45.0, 6.0, 6.0))
    expected = whole(predictor, image, "labels")[(slice(None), *region.slices)]
    assert np.array_equal(by_itself(predictor, image, region, "labels"), expected)


def test_only_the_context_of_the_network_is_needed_and_what_the_image_has_of_it(
    random_model: Callable[..., Any],
) -> None:
    sections = load_predictor(random_model("sections"), "cpu")
    image = PartOfImage((1, 40, 900, 900), None)
    inside = PartPrediction(sections, image, Box((20, 400, 400), (21, 420, 420))).needed
    halo = sections.halo_zyx
    assert inside.box.start[0] == 19  # the neighbour section that it sees as a channel
    assert inside.box.stop[0] == 22
    assert 400 - halo[1] - 2 <= inside.box.start[1] <= 400 - halo[1]
    assert [sample[0].shape for sample in inside.samples] == [(1, 900, 900)] * 3
    first = PartPrediction(sections, image, Box((0, 0, 0), (1, 20, 20))).needed
    assert first.box.start == (0, 0, 0)
    assert first.box.stop[0] == 2


def test_what_does_not_go_together_is_refused(
    random_model: Callable[..., Any], tissue: NDArray[np.uint8]
) -> None:
    predictor = load_predictor(random_model("volume"), "cpu")
    with pytest.raises(InvalidInput, match=r"beyond the image of 13 x 75 x 91 voxels"):
        PartPrediction(predictor, PartOfImage((1, 13, 75, 91), None), Box((12, 0, 0), (14, 5, 5)))
    with pytest.raises(InvalidInput, match="2 channels, the model was trained on 1"):
        PartPrediction(predictor, PartOfImage((2, 13, 75, 91), None), Box((12, 0, 0), (13, 5, 5)))
    prediction = PartPrediction(predictor, ArrayImage(tissue), Box((5, 0, 0), (6, 5, 5)))
    with pytest.raises(Busy, match="replaced just now"):
        prediction.run("labels", [], prediction.needed.box)
    measured = [Statistics.measured([120.0], [40.0])]
    with pytest.raises(Cancelled):
        prediction.run("labels", measured, prediction.needed.box, should_stop=lambda: True)


def test_doubts_are_told(random_model: Callable[..., Any], tissue: NDArray[np.uint8]) -> None:
    predictor = load_predictor(random_model("volume"), "cpu")
    voxels = tissue.astype(np.float32)
    voxels[5, 3, 3] = np.nan
    prediction = PartPrediction(predictor, ArrayImage(voxels), Box((5, 0, 0), (6, 9, 9)))
    prediction.run("labels", [Statistics.measured([9e4], [3e3])], prediction.needed.box)
    unlike, broken = prediction.notes
    assert "grey values (mean 9e+04, deviation 3000) are unlike" in unlike
    assert "1 voxel of the image is no number" in broken
