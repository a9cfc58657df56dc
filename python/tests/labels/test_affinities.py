"""Which pairs of voxels belong to one object, and the objects that a mutex watershed makes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.evaluation import evaluate_instances
from cristae.labels import affinities_of, affinity_classes, boundary_classes, objects_from, offsets_for
from cristae.labels.affinities import near_count
from cristae.labels.mutex import mutex_objects, strongest_between

ISOTROPIC = offsets_for(1.0, in_depth=True, sections=64)


def by_brute_force(inside, affinities, offsets, near):
    """The mutex watershed as Wolf et al. write it down: edges by weight, sets and forbidden pairs of sets."""
    edges = []
    for channel, offset in enumerate(offsets):
        for here in np.ndindex(inside.shape):
            there = tuple(np.add(here, offset).tolist())
            if min(there) < 0 or not (inside[here] and inside[there]):
                continue
            together = float(affinities[(channel, *here)])
            if channel < near:
                edges.append((together, True, here, there))
            edges.append((1 - together, False, here, there))
    bodies = {place: frozenset([place]) for place in np.ndindex(inside.shape) if inside[place]}
    forbidden = set()
    for _, attracts, one, other in sorted(edges, key=lambda edge: -edge[0]):
        a, b = bodies[one], bodies[other]
        if a is b:
            continue
        if not attracts:
            forbidden.add(frozenset([one, other]))
        elif not any(frozenset([v, w]) in forbidden for v in a for w in b):
            both = a | b
            bodies.update(dict.fromkeys(both, both))
    return bodies


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(1, 4, 5), (3, 3, 3), (2, 1, 6)]), st.floats(0.3, 0.7))
def test_the_mutex_watershed_is_the_one_of_the_paper(seed, shape, middle):
    random = np.random.default_rng(seed)
    offsets = ((-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, -2, 0), (0, 0, -3))
    said = random.random((len(offsets), *shape)).astype(np.float32)  # no two are the same
    said = said ** np.float32(np.log(middle) / np.log(0.5))
    inside = random.random(shape) > 0.2
    found = mutex_objects(inside.astype(np.float32), said, offsets)
    expected = by_brute_force(inside, said, offsets, near_count(offsets))
    assert np.array_equal(found > 0, inside)
    for one, body in expected.items():
        assert {place for place in expected if found[place] == found[one]} == body


def test_two_vesicles_of_two_voxels_that_touch_stay_two():
    ids = np.zeros((4, 4, 6), np.int64)
    ids[1:3, 1:3, 1:3], ids[1:3, 1:3, 3:5] = 1, 2
    said, known = affinities_of(ids, ISOTROPIC)
    found = mutex_objects(said[0].astype(float), said[1:].astype(float), ISOTROPIC)
    assert np.array_equal(found, ids)
    classes = boundary_classes(ids, None)
    assert not (classes == 1).any()  # which is why boundaries cannot tell them apart
    assert known[0].all()


def test_a_sure_pair_far_apart_holds_a_wall_with_a_hole():
    # Two bodies of four voxels in a row; the neighbours in the middle seem to belong together, a little.
    offsets = ((0, 0, -1), (0, 0, -3))
    said = np.full((2, 1, 1, 8), 0.9)
    said[0, 0, 0, 4] = 0.6
    said[1, 0, 0, 3:] = [0.9, 0.1, 0.1, 0.1, 0.9]
    assert mutex_objects(np.ones((1, 1, 8)), said, offsets).ravel().tolist() == [1] * 4 + [2] * 4
    said[1, 0, 0, 4:7] = 0.55  # now nothing speaks against it
    assert mutex_objects(np.ones((1, 1, 8)), said, offsets).max() == 1


def test_neighbours_that_are_rather_apart_are_not_joined_for_want_of_a_pair_far_apart():
    said = np.array([[[[0.9]], [[0.4]], [[0.9]]]])
    assert mutex_objects(np.ones((3, 1, 1)), said, ((-1, 0, 0),)).ravel().tolist() == [1, 2, 2]


def test_what_is_background_belongs_to_no_object_and_joins_nothing():
    said = np.ones((1, 1, 1, 5))
    found = mutex_objects(np.array([[[0.9, 0.9, 0.1, 0.5, 0.9]]]), said, ((0, 0, -1),))
    assert found.ravel().tolist() == [1, 1, 0, 2, 2]
    assert mutex_objects(np.zeros((1, 1, 5)), said, ((0, 0, -1),)).max() == 0


def test_pairs_with_an_unknown_voxel_or_one_beyond_the_volume_are_not_known():
    ids = np.array([[[5, 5, 5, 0, 9]]])
    known = np.array([[[True, True, False, True, True]]])
    said, told = affinities_of(ids, ((0, 0, -1), (0, 0, -3)), known)
    assert told.astype(int).tolist() == [[[[1, 1, 0, 1, 1]]], [[[0, 1, 0, 0, 1]]], [[[0, 0, 0, 1, 1]]]]
    assert said.astype(int).tolist() == [[[[1, 1, 0, 0, 1]]], [[[0, 1, 0, 0, 0]]], [[[0, 0, 0, 0, 0]]]]


def test_each_channel_is_what_its_name_says():
    ids = np.random.default_rng(0).integers(0, 3, (12, 13, 14))
    said, known = affinities_of(ids, ISOTROPIC)
    for channel, offset in enumerate(ISOTROPIC, 1):
        for z, y, x in [(0, 0, 0), (11, 12, 13), (5, 10, 3), (9, 2, 9)]:
            there = tuple(np.add((z, y, x), offset))
            assert known[channel, z, y, x] == (min(there) >= 0)
            if min(there) >= 0:
                same = ids[z, y, x] == ids[there] != 0
                assert said[channel, z, y, x] == same
    names = [entry.name for entry in affinity_classes(ISOTROPIC)]
    assert names[:4] == ["object"] + [f"same object 1 along {axis}" for axis in "zyx"]
    assert len(set(names)) == len(ISOTROPIC) + 1


@pytest.mark.parametrize(
    ("anisotropy", "in_depth", "sections", "along_z"),
    [(1.0, True, 64, [1, 3, 9]), (2.0, True, 64, [1, 2, 4]), (2.0, True, 4, [1, 2]),
     (3.5, True, 64, [1]), (1.0, False, 64, [1]), (1.0, False, 1, [])],
)  # fmt: skip
def test_coarse_sections_know_their_neighbours_only(anisotropy, in_depth, sections, along_z):
    offsets = offsets_for(anisotropy, in_depth=in_depth, sections=sections)
    assert [-z for z, _, _ in offsets if z] == along_z
    assert [-x for _, _, x in offsets if x] == [-y for _, y, _ in offsets if y] == [1, 3, 9]
    assert near_count(offsets) == 2 + (sections > 1)
    assert [sum(offset) for offset in offsets[: near_count(offsets)]] == [-1] * near_count(offsets)


def test_objects_attract_across_the_cut_only_and_repel_everywhere():
    ids = np.array([[[1, 1], [2, 3]], [[4, 4], [2, 5]]])  # a plane of another block at z 0
    said = np.full((3, 2, 2, 2), 255, np.uint8)
    said[0, 1] = [[180, 60], [255, 130]]
    said[1, 1, 1] = [40, 30]  # along y in the block: 4 and 2, 4 and 5
    pull, push = strongest_between(
        ids, said, ((-1, 0, 0), (0, -1, 0), (0, 0, -1)), (1, 0, 0), (2, 2, 2), (True, False, False)
    )
    pairs = [dict(zip(map(tuple, s.pairs.tolist()), s.values.tolist(), strict=True)) for s in (pull, push)]
    assert pairs[0] == {(1, 4): 180, (3, 5): 130}
    assert pairs[1] == {(1, 4): 195, (3, 5): 125, (2, 4): 215, (4, 5): 225, (2, 5): 0}


def vesicles(shape=(24, 40, 40), seed=0):
    """Balls of two or three voxels across, many of which touch."""
    random = np.random.default_rng(seed)
    ids = np.zeros(shape, np.int64)
    for number in range(1, 700):
        size = int(random.integers(2, 4))
        corner = [int(random.integers(0, length - size)) for length in shape]
        box = tuple(slice(start, start + size) for start in corner)
        if not ids[box].any():
            ids[box] = number
    return ids


def test_small_objects_that_touch_come_back_from_affinities_and_not_from_boundaries():
    ids = vesicles()
    said, _ = affinities_of(ids, ISOTROPIC)
    found = mutex_objects(said[0].astype(np.float32), said[1:].astype(np.float32), ISOTROPIC)
    assert evaluate_instances(found, ids)["f1_75"] == 1.0
    classes = boundary_classes(ids, None)
    by_boundary = objects_from((classes == 1).astype(np.float32), (classes == 2).astype(np.float32), None)
    assert evaluate_instances(by_boundary, ids)["f1_75"] < 0.2
