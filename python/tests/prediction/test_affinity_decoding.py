"""Affinities: mirror images say the same of the same pairs, and objects do not depend on where blocks end."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from partitions import decoded, same_partition, variation_of_information
from scipy import ndimage

from cristae.labels import affinities_of, offsets_for
from cristae.labels.mutex import mutex_objects
from cristae.prediction import load_predictor
from cristae.prediction.affinity_decoding import Affinities, OnOtherGrid
from cristae.prediction.decoding import blocks_of, decode
from cristae.prediction.fragments import Desk, NumbersInMemory, check_memory
from cristae.prediction.predictor import _FLIPS
from cristae.volumes import ArrayImage, VoxelSize

OFFSETS = offsets_for(1.0, in_depth=True, sections=64)
WAYS = [(24, 48, 24), (12, 48, 48), (24, 24, 24), (12, 24, 24), (7, 48, 25), (24, 17, 48), (19, 23, 31),
        (5, 30, 40)]  # fmt: skip


def said_of(ids, offsets=OFFSETS):
    return affinities_of(ids, offsets)[0].astype(np.uint8) * 255


def pieces_of(ids):
    """Number the pieces that hang together, each of one id."""
    numbers, last = np.zeros(ids.shape, np.int64), 0
    for value in np.unique(ids[ids > 0]):
        pieces, count = ndimage.label(ids == value)
        numbers[pieces > 0] = pieces[pieces > 0] + last
        last += count
    return numbers


def vesicles(shape=(24, 48, 48), seed=0):
    random = np.random.default_rng(seed)
    ids = np.zeros(shape, np.int64)
    for number in range(1, 1500):
        sizes = random.integers(2, 5, 3)
        corner = [
            int(random.integers(0, length - size + 1)) for length, size in zip(shape, sizes, strict=True)
        ]
        box = tuple(slice(start, start + size) for start, size in zip(corner, sizes, strict=True))
        ids[box] = np.where(ids[box] == 0, number, ids[box])
    return pieces_of(ids)


def test_true_vesicles_come_back_however_the_volume_is_cut():
    ids = vesicles()
    assert ids.max() > 500
    for block in WAYS:
        assert same_partition(decoded(said_of(ids), Affinities(OFFSETS, None), block), ids), block


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(2, 9)] * 3))
def test_objects_of_any_shape_come_back_however_the_volume_is_cut(seed, block):
    ids = pieces_of(np.random.default_rng(seed).integers(0, 3, (6, 8, 9)))
    # Two pieces of one id that do not hang together are two objects.
    assert same_partition(decoded(said_of(ids), Affinities(OFFSETS, None), block), ids)


def test_unsure_affinities_give_nearly_the_same_objects_in_all_blocks():
    ids = vesicles()
    random = np.random.default_rng(1)
    noise = ndimage.gaussian_filter(random.normal(size=(1 + len(OFFSETS), *ids.shape)), (0, 1, 1, 1))
    said = np.clip(said_of(ids) * 0.7 + 38 + 250 * noise, 0, 255).astype(np.uint8)
    whole = decoded(said, Affinities(OFFSETS, None), ids.shape)
    assert whole.max() > 300
    for block in WAYS:
        found = decoded(said, Affinities(OFFSETS, None), block)
        assert variation_of_information(found, whole) <= 0.02, block


def test_one_block_gives_what_the_mutex_watershed_does():
    random = np.random.default_rng(0)
    said = random.integers(0, 256, (1 + len(OFFSETS), 6, 20, 20)).astype(np.uint8)
    found = decoded(said, Affinities(OFFSETS, None), (6, 20, 20))
    assert same_partition(
        found, mutex_objects(said[0] / np.float32(255), said[1:] / np.float32(255), OFFSETS)
    )


def test_what_is_surely_two_is_not_joined_through_a_third_beyond_the_cut():
    # Two rows, and behind the cut a column that rather goes with both.
    offsets = ((0, -1, 0), (0, 0, -1))
    said = np.full((3, 1, 2, 3), 255, np.uint8)
    said[1] = [[[0, 0, 0], [20, 20, 150]]]  # rows are two, but in the column
    said[2, 0, :, 2] = [200, 180]
    found = decoded(said, Affinities(offsets, None), (1, 2, 2))
    assert found[0, 0, 0] != found[0, 1, 0]
    assert found[0, 0, 2] == found[0, 0, 0]


def test_two_rows_that_touch_stay_two_over_a_cut():
    offsets = ((0, -1, 0), (0, 0, -1))
    ids = np.array([[[1, 1, 1, 1], [2, 2, 2, 2]]])
    found = decoded(said_of(ids, offsets), Affinities(offsets, None), (1, 2, 2))
    assert same_partition(found, ids)


def test_blocks_of_affinities_are_smaller_and_their_memory_depends_on_the_channels():
    few, many = (Affinities(OFFSETS[:count], None) for count in (3, 9))
    assert many.bytes_a_voxel > few.bytes_a_voxel > 5 * 12
    voxels = blocks_of((2000, 2000, 2000), (1, 1, 1), many.block_voxels)[0].grown(many.halo_zyx).shape
    check_memory(voxels, 8 * 2**30, 1, many.bytes_a_voxel)
    assert Affinities(offsets_for(10.0, in_depth=False, sections=9), VoxelSize(50, 5, 5)).halo_zyx == (
        3,
        24,
        24,
    )


def test_objects_on_the_grid_of_a_model_are_seen_on_that_of_the_image():
    ids = np.array([[[1, 2], [0, 3]]])
    offsets = ((0, -1, 0), (0, 0, -1))
    desk = Desk(ArrayImage(said_of(ids, offsets)), Affinities(offsets, None), NumbersInMemory((1, 2, 2)))
    found = decode(desk, blocks_of((1, 2, 2)))
    finer = OnOtherGrid.of(found, (2, 4, 4))
    assert np.array_equal(finer.to_array(), ids.repeat(2, 0).repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("kind", ["volume", "sections"])
def test_mirror_images_say_the_same_of_the_same_pairs(random_model, kind):
    # A network that sees ids, and says the truth of the image that it is given, mirrored or not.
    offsets = [[0, -1, 0], [0, 0, -3]]
    model = random_model(kind, target="instances", offsets_zyx=offsets)
    predictor = load_predictor(model, "cpu", flips=True)
    z, y, x = 4, 12, 16
    ids = np.random.default_rng(0).integers(0, 3, (z, y, x))

    def engine(given):
        seen = given[:, 0] if kind == "sections" else given[0, 0]  # z, y, x
        said, known = affinities_of(seen.numpy().astype(int), [tuple(offset) for offset in offsets])
        answer = torch.from_numpy(np.where(known, said, False).astype(np.float32))
        return answer.transpose(0, 1) if kind == "sections" else answer[None]

    predictor.engine = engine
    given = np.ascontiguousarray(ids[:, None] if kind == "sections" else ids[None, None], np.float32)
    found = predictor.forward(given)
    found = (found.transpose(0, 1) if kind == "sections" else found[0]).numpy()
    expected, known = affinities_of(ids, [tuple(offset) for offset in offsets])
    assert len(_FLIPS) == 4
    assert np.array_equal(found[known], expected[known])


def test_mirror_images_of_pairs_need_more_context(random_model):
    plain = random_model("sections", target="instances", offsets_zyx=[[0, -1, 0], [0, 0, -9]])
    without, with_flips = (load_predictor(plain, "cpu", flips=flips).halo_zyx for flips in (False, True))
    assert np.subtract(with_flips, without).tolist() == [0, 1, 9]


@pytest.mark.parametrize("kind", ["labels", "uncertainty", "probabilities"])
def test_labels_and_uncertainty_are_those_of_objects(random_model, kind):
    from cristae.geometry import Box
    from cristae.prediction.ensemble import Ensemble

    model = random_model("sections", target="instances", offsets_zyx=[[0, -1, 0], [0, 0, -1]])
    predictor = load_predictor(model, "cpu")
    given = np.random.default_rng(0).normal(size=(2, 3, 16, 16)).astype(np.float32)
    found = predictor.predict(given, kind, Box.of_shape((2, 16, 16)))
    together = Ensemble([predictor, predictor]).predict((given,), kind, Box.of_shape((2, 16, 16)))
    assert np.abs(found.astype(int) - together).max() <= (kind != "labels")
    said = predictor.predict(given, "probabilities", Box.of_shape((2, 16, 16)))
    assert found.shape == (3 if kind == "probabilities" else 1, 2, 16, 16)
    if kind == "labels":
        assert np.array_equal(found[0] == 1, said[0] > 127)
        assert set(np.unique(found)) == {0, 1}
