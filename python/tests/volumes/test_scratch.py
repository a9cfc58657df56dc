"""Numbers that a computation keeps on disk for itself come back as they were, or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.errors import CristaeError, InvalidInput
from cristae.geometry import Box
from cristae.geometry.box import grid
from cristae.volumes.scratch import ScratchVolume

SHAPE = (37, 130, 140)  # 3 x 2 x 2 blocks, those at the end cut


def a_box_in(shape):
    """Return a strategy of boxes."""
    sides = [st.tuples(st.integers(0, n - 1), st.integers(1, n)).map(sorted) for n in shape]
    return st.tuples(*sides).map(
        lambda ends: Box(tuple(a for a, _ in ends), tuple(max(a + 1, b) for a, b in ends))
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a volume of which each block needs another type, and its numbers."""
    scratch = ScratchVolume(tmp_path_factory.mktemp("numbers") / "scratch", SHAPE)
    numbers = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint32)
    for index, box in enumerate(grid(SHAPE, scratch.block_zyx)):
        numbers[box.slices] *= (1, 300, 20_000_000)[index % 3]
        given_as = (np.uint8, np.uint16, np.uint32)[index % 3]
        scratch.write(box, numbers[box.slices].astype(given_as))
    return scratch, numbers


@settings(max_examples=50)
@given(box=a_box_in(SHAPE))
def test_any_box_of_what_was_written_comes_back(kept, box):
    scratch, numbers = kept
    read = scratch.read(box)
    assert read.dtype == np.uint32
    assert np.array_equal(read, numbers[box.slices])
    read[:] = 7
    assert np.array_equal(scratch.read(box), numbers[box.slices]), "what is read is the reader's own"


def test_several_blocks_are_written_at_once_and_small_numbers_take_little_room(tmp_path):
    numbers = np.random.default_rng(1).integers(0, 2**32, SHAPE, dtype=np.uint32)
    scratch = ScratchVolume(tmp_path / "scratch", SHAPE)
    scratch.write(Box.of_shape(SHAPE), numbers)
    assert np.array_equal(ScratchVolume(tmp_path / "scratch", SHAPE).read(Box.of_shape(SHAPE)), numbers)
    scratch.write(Box.of_shape(SHAPE), numbers % 256)
    room = sum(path.stat().st_size for path in (tmp_path / "scratch").iterdir())
    assert room < 1.02 * numbers.size, "a byte each"


def test_a_box_that_cuts_a_block_is_not_written(tmp_path):
    scratch = ScratchVolume(tmp_path, SHAPE)
    for box in (Box((0, 0, 0), (15, 128, 128)), Box((16, 1, 0), (32, 128, 128))):
        with pytest.raises(InvalidInput, match="cuts the block"):
            scratch.write(box, np.zeros(box.shape, np.uint32))


def test_what_another_process_wrote_anew_is_read_and_what_is_lost_is_told(tmp_path):
    box = Box((0, 0, 0), (16, 128, 128))
    scratch, other = (ScratchVolume(tmp_path, SHAPE) for _ in range(2))
    for number in (1, 2, 70_000):
        other.write(box, np.full(box.shape, number, np.uint32))
        assert np.all(scratch.read(box) == number)
    (file,) = tmp_path.iterdir()
    file.unlink()
    with pytest.raises(CristaeError, match=r"box \[0:1, 0:16, 0:128, 0:128\].* missing\. Start the same"):
        scratch.read(box)


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_damaged_block_is_told_by_its_box(tmp_path, place):
    box = Box((16, 128, 0), (32, 130, 128))
    scratch = ScratchVolume(tmp_path, SHAPE)
    scratch.write(box, np.ones(box.shape, np.uint32))
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    for damaged in (bytes(data), bytes(data[:3]), b""):
        file.write_bytes(damaged)
        with pytest.raises(CristaeError, match=r"box \[0:1, 16:32, 128:130, 0:128\].* are damaged"):
            scratch.read(box)


def test_a_block_of_another_volume_is_no_block_of_this_one(tmp_path):
    ScratchVolume(tmp_path, (16, 7, 5)).write(Box.of_shape((16, 7, 5)), np.ones((16, 7, 5), np.uint32))
    with pytest.raises(CristaeError, match="are damaged"):
        ScratchVolume(tmp_path, (16, 9, 5)).read(Box.of_shape((16, 9, 5)))
