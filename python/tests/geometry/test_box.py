import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.errors import InvalidInput
from cristae.geometry import Box, grid

intervals = st.tuples(st.integers(-20, 20), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))
boxes = st.tuples(intervals, intervals, intervals).map(
    lambda axes: Box(tuple(axis[0] for axis in axes), tuple(axis[1] for axis in axes))
)
margins = st.tuples(*[st.integers(0, 5)] * 3)


def voxels(box):
    return {
        (z, y, x) for z in range(*_ends(box, 0)) for y in range(*_ends(box, 1)) for x in range(*_ends(box, 2))
    }


def _ends(box, axis):
    return box.start[axis], box.stop[axis]


def test_a_box_knows_its_shape_size_and_slices():
    box = Box((1, 2), (3, 7))
    assert box.shape == (2, 5)
    assert box.size == 10
    assert np.arange(40).reshape(4, 10)[box.slices].tolist() == [[12, 13, 14, 15, 16], [22, 23, 24, 25, 26]]
    assert str(box) == "[1:3, 2:7]"


def test_a_box_made_of_numpy_integers_does_not_overflow():
    box = Box(tuple(np.array([0, 0, 0], np.int32)), tuple(np.array([2**20] * 3, np.int32)))
    assert box.size == 2**60


@pytest.mark.parametrize(("start", "stop"), [((0,), (0,)), ((3, 0), (2, 5)), ((0,), (1, 1))])
def test_an_empty_or_lopsided_box_is_refused(start, stop):
    with pytest.raises(InvalidInput):
        Box(start, stop)


def test_a_box_outside_cannot_be_clipped():
    with pytest.raises(InvalidInput, match="lies outside"):
        Box((5,), (6,)).clipped(Box((0,), (5,)))


@settings(deadline=None)
@given(boxes, boxes)
def test_an_intersection_holds_the_voxels_that_both_boxes_hold(one, two):
    common = one.intersection(two)
    assert (set() if common is None else voxels(common)) == voxels(one) & voxels(two)
    assert one.contains(two) == (voxels(two) <= voxels(one))
    assert one.has(two.start) == (two.start in voxels(one))


@settings(deadline=None)
@given(boxes, margins)
def test_a_grown_box_contains_the_box_and_shifting_is_undone_by_the_way_back(box, margin):
    assert box.grown(margin).contains(box)
    assert box.shifted(margin).shifted([-step for step in margin]) == box
    assert box.relative_to(box) == Box.of_shape(box.shape)


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(1, 10)] * 3))
def test_a_grid_covers_every_voxel_once_in_c_order(shape, block):
    count = np.zeros(shape, int)
    cells = list(grid(shape, block))
    for cell in cells:
        count[cell.slices] += 1
    assert (count == 1).all()
    assert cells == sorted(cells)
    assert len(cells) == math.prod(-(-length // step) for length, step in zip(shape, block, strict=True))
