"""Tiles of one grey value are computed once, and the result is the same as without that."""

import numpy as np
import pytest

from cristae.errors import InvalidInput
from cristae.events import Note
from cristae.prediction import load_models, load_predictor, predict, running
from cristae.prediction.empty import EmptyTiles, constants
from cristae.prediction.instances import InMemory
from cristae.volumes import ArrayImage

TILE = (5, 48, 48)


def framed(tissue):
    """Return a volume that is mostly frame, of two grey values."""
    volume = np.zeros((13, 320, 256), np.uint8)
    volume[:, 250:] = 77
    _, height, width = tissue.shape
    volume[:, 96 : 96 + height, 96 : 96 + width] = tissue
    return volume


def predicted(predictor, voxels, kind):
    told = []
    output = InMemory((3 if kind == "probabilities" else 1, *voxels.shape))
    predict(predictor, ArrayImage(voxels), output, kind=kind, tile_shape_zyx=TILE, on_event=told.append)
    return output.voxels, [event.sentence for event in told if isinstance(event, Note)]


class Never(EmptyTiles):
    """Computes every tile."""

    def answer(self, prepared, whole, wanted, compute):
        return compute(wanted)


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("models", [["volume"], ["sections"], ["volume", "volume"]])
def test_the_result_is_the_same_to_the_last_bit(random_model, tissue, kind, models, monkeypatch):
    common = {"channels": 1, "working_voxel": {"downsample_zyx": [1, 1, 1]}}
    given = [random_model(name, weights_sha256=str(n), **common) for n, name in enumerate(models)]
    predictor = load_models(given, "cpu", engine="torch")
    voxels = framed(tissue)
    quick, told = predicted(predictor, voxels, kind)
    monkeypatch.setattr(running, "EmptyTiles", Never)
    whole, told_without = predicted(predictor, voxels, kind)
    assert np.array_equal(quick, whole)
    assert any("one grey value only: the answer of another" in sentence for sentence in told)
    assert not any("one grey value" in sentence for sentence in told_without)
    assert not any("look alike" in sentence for sentence in (*told, *told_without))


def test_an_image_without_a_number_is_refused_before_anything_is_computed(random_model):
    predictor = load_predictor(random_model("volume"), "cpu", engine="torch")
    voxels = np.full((13, 60, 60), np.nan, np.float32)
    voxels[3, 4, 5] = np.inf
    with pytest.raises(InvalidInput, match="No voxel of the image is a number"):
        predicted(predictor, voxels, "labels")
    voxels[-1, -1, -1] = 7
    _, told = predicted(predictor, voxels, "labels")
    assert any(f"{voxels.size - 1} voxels of the image are no numbers" in sentence for sentence in told)


def test_an_image_of_one_grey_value_is_computed_once_wherever_its_tiles_lie(random_model, monkeypatch):
    """With and without an end of the image on each axis, tiles keep parts of 27 kinds of it."""
    predictor = load_predictor(random_model("volume"), "cpu", engine="torch")
    computed, forward = [], predictor.forward
    monkeypatch.setattr(predictor, "forward", lambda prepared: computed.append(1) or forward(prepared))
    found, told = predicted(predictor, np.full((13, 200, 200), 77, np.uint8), "labels")
    assert len(computed) == 1
    assert any("tiles hold one grey value only" in sentence for sentence in told)
    assert any("look alike to the network" in sentence for sentence in told)
    monkeypatch.setattr(running, "EmptyTiles", Never)
    whole, _ = predicted(predictor, np.full((13, 200, 200), 77, np.uint8), "labels")
    assert len(computed) > 1 + 27
    assert np.array_equal(found, whole)


def test_a_single_other_voxel_is_seen(random_model, tissue):
    predictor = load_predictor(random_model("volume"), "cpu", engine="torch")
    without, with_one = framed(tissue), framed(tissue)
    with_one[6, 200, 40] = 130
    before, _ = predicted(predictor, without, "probabilities")
    after, _ = predicted(predictor, with_one, "probabilities")
    differ = np.argwhere((before != after).any(axis=0))
    assert len(differ) > 0
    assert np.abs(differ - [6, 200, 40]).max() < 20


def test_channels_may_have_a_value_each():
    first = np.full((1, 2, 4, 4), 3, np.float32)
    first[:, 1] = 9
    assert constants(first) == (3.0, 9.0)
    assert constants((first, first[:, :1])) == (3.0, 9.0, 3.0)
    first[0, 1, 2, 2] = 8
    assert constants(first) is None
