import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.errors import InvalidInput
from cristae.geometry import Box, tiles


@st.composite
def cuts(draw):
    axes = []
    for _ in range(3):
        halo = draw(st.integers(0, 4))
        tile = draw(st.integers(2 * halo + 1, 2 * halo + 12))
        axes.append((draw(st.integers(1, 40)), tile, halo, draw(st.integers(0, 30))))
    return tuple(zip(*axes, strict=True))


@settings(deadline=None)
@given(cuts())
def test_write_boxes_partition_the_volume(cut):
    written = np.zeros(cut[0], int)
    for tile in tiles(*cut):
        written[tile.write_box.slices] += 1
    assert (written == 1).all()


@settings(deadline=None)
@given(cuts())
def test_every_written_voxel_has_its_halo_unless_the_volume_ends(cut):
    shape, tile_shape, halo, _ = cut
    volume = Box.of_shape(shape)
    for tile in tiles(*cut):
        assert volume.contains(tile.read_box)
        assert tile.read_box.contains(tile.write_box)
        for axis in range(3):
            if shape[axis] > tile_shape[axis]:
                assert tile.read_box.start[axis] <= max(tile.write_box.start[axis] - halo[axis], 0)
                assert tile.read_box.stop[axis] >= min(tile.write_box.stop[axis] + halo[axis], shape[axis])
            else:
                assert (tile.read_box.start[axis], tile.read_box.stop[axis]) == (0, shape[axis])


@settings(deadline=None)
@given(cuts())
def test_all_read_boxes_have_the_same_shape(cut):
    expected = tuple(min(length, tile) for length, tile in zip(cut[0], cut[1], strict=True))
    assert {tile.read_box.shape for tile in tiles(*cut)} == {expected}


@settings(deadline=None)
@given(cuts())
def test_no_cut_with_fewer_tiles_exists(cut):
    shape, tile_shape, halo, _ = cut
    # k tiles in a row write at most k (tile - 2 halo) + 2 halo voxels, since only the outer two save a halo
    # each.
    fewest = [
        1 if length <= tile else math.ceil((length - 2 * margin) / (tile - 2 * margin))
        for length, tile, margin in zip(shape, tile_shape, halo, strict=True)
    ]
    assert len(tiles(shape, tile_shape, halo)) == math.prod(fewest)


@settings(deadline=None)
@given(cuts())
def test_tiles_of_a_padded_volume_start_on_the_networks_grid(cut):
    shape, tile_shape, halo, offset = (tuple(4 * value for value in axis) for axis in cut)
    for tile in tiles(shape, tile_shape, halo, offset):
        assert all(start % 4 == 0 for start in tile.read_box.start)


def test_a_volume_of_160_takes_27_tiles_of_64_with_halo_8():
    cut = tiles((160, 160, 160), (64, 64, 64), (8, 8, 8))
    assert len(cut) == 27
    assert cut[0].write_box == Box((0, 0, 0), (56, 56, 56))
    assert cut[13].write_in_read == Box((8, 8, 8), (56, 56, 56))
    assert cut[-1].read_box == Box((96, 96, 96), (160, 160, 160))


def test_an_offset_moves_the_cuts():
    plain, moved = (tiles((100, 1, 1), (40, 1, 1), (4, 0, 0), (offset, 0, 0)) for offset in (0, 10))
    assert [tile.write_box.start[0] for tile in plain] == [0, 36, 68]
    assert [tile.write_box.start[0] for tile in moved] == [0, 26, 58, 90]


def test_a_tile_that_is_all_halo_is_refused_with_the_size_that_would_do():
    with pytest.raises(InvalidInput, match="more than 16 voxels"):
        tiles((100,), (16,), (8,), (0,))


@settings(deadline=None)
@given(cuts())
def test_a_tile_by_its_number_is_the_one_that_comes_so_far_behind_the_first(cut):
    found = tiles(*cut)
    every = list(found)
    assert [found[number] for number in range(len(found))] == every
    assert [found[number - len(found)] for number in range(len(found))] == every
    for number in (len(found), -len(found) - 1):
        with pytest.raises(IndexError, match="no tile"):
            found[number]


def test_tiles_of_cells_in_voxels_write_of_a_part_what_lies_in_it():
    # Cells 0-2 and 3-5 are written; the first cell is the third of 10 voxels, and begins at 20.
    found = tiles((6,), (4,), (1,), (0,)).scaled((2,), (10,))
    assert [(str(tile.read_box), str(tile.write_box)) for tile in found] == [
        ("[20:60]", "[20:50]"),
        ("[40:80]", "[50:80]"),
    ]
    assert [str(tile.write_box) for tile in found.writing(Box((35,), (51,)))] == ["[35:50]", "[50:51]"]
    assert [str(tile.write_box) for tile in found.writing(Box((50,), (90,)))] == ["[50:80]"]


def test_what_a_tiling_takes_does_not_grow_with_the_number_of_tiles():
    tracemalloc.start()
    try:
        found = tiles((5000, 5000, 5000), (20, 20, 20), (5, 5, 5))
        taken, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 499**3  # as each axis: (5000 - 10) / 10
    assert max(taken, most) < 2**20
