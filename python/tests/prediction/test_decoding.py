"""Objects of a volume that is decoded block by block are those of the whole volume."""

from dataclasses import replace
from threading import Event

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from partitions import decoded, same_partition, variation_of_information

from cristae.errors import Cancelled, LimitExceeded, OutOfMemory
from cristae.geometry import Box
from cristae.geometry.box import grid
from cristae.labels import boundary_classes, objects_from
from cristae.prediction import decoders, decoding, fragments
from cristae.prediction.decoders import Blobs, Boundaries, Pieces
from cristae.prediction.decoding import blocks_of, decode
from cristae.prediction.fragments import Desk, NumbersInMemory, check_memory
from cristae.volumes import ArrayImage, VoxelSize
from cristae.volumes.run_mark import RunMark
from cristae.volumes.scratch import ScratchVolume

BOX = Box((0, 0, 0), (2, 8, 8))


@settings(max_examples=60)
@given(
    arrays(
        np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9), elements=st.integers(0, 2)
    ),
    st.tuples(*[st.integers(1, 9)] * 3),
)
def test_pieces_are_exactly_those_of_the_whole_volume_wherever_it_is_cut(classes, block):
    whole = cc3d.connected_components(np.pad(classes, 1), connectivity=6)[1:-1, 1:-1, 1:-1]
    found = decoded(classes[None], Pieces(), block)
    assert same_partition(found, whole)
    assert np.array_equal(np.unique(found[found > 0]), np.arange(1, found.max() + 1))


def tubes(shape=(40, 90, 90), count=10, seed=0):
    """Return ids of wriggling tubes that fill a volume: nearest of some random walks."""
    generator = np.random.default_rng(seed)
    places, owners = [], []
    for number in range(count):
        place = generator.uniform(0, shape)
        step = generator.normal(size=3)
        for _ in range(200):
            step += generator.normal(scale=0.3, size=3)
            step /= np.linalg.norm(step)
            place = np.clip(place + 2 * step, 0, np.array(shape) - 1)
            places.append(place.copy())
            owners.append(number + 1)
    from scipy.spatial import cKDTree

    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    _, nearest = cKDTree(np.array(places)).query(points)
    return np.array(owners, np.uint32)[nearest].reshape(shape)


def cells(shape=(40, 90, 90), count=60, seed=3):
    """Return ids of ellipsoids, many of which touch others within a section."""
    generator, grid_zyx = np.random.default_rng(seed), np.indices(shape)
    ids = np.zeros(shape, np.uint32)
    for number in range(1, count + 1):
        centre, radii = generator.uniform(0, shape), generator.uniform((3, 8, 8), (6, 14, 14))
        inside = sum(((a - c) / r) ** 2 for a, c, r in zip(grid_zyx, centre, radii, strict=True)) < 1
        ids[inside & (ids == 0)] = number
    return ids


def said_of(ids, noise=0.0, seed=1, size=None):
    """Return what a network would say: background, interior, boundary, 0 to 255."""
    classes = boundary_classes(ids, size)
    generator = np.random.default_rng(seed)
    from scipy.ndimage import gaussian_filter

    boundary = gaussian_filter((classes == 2).astype(np.float32), 0.7)
    boundary = np.clip(boundary + noise * gaussian_filter(generator.normal(size=ids.shape), 1), 0, 1)
    interior = np.where((ids > 0) | (boundary > 0.5), 1 - boundary, 0)
    return (np.stack([1 - interior - boundary, interior, boundary]) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("noise", "size"),
    [(0.0, VoxelSize(10, 10, 10)), (0.5, VoxelSize(10, 10, 10)), (0.3, VoxelSize(40, 10, 10))],
)
def test_eight_ways_to_cut_a_volume_give_nearly_the_same_objects(noise, size):
    # Coarse sections know no boundary between them: what fills the volume would melt together.
    said = said_of(tubes() if size.z_nm == 10 else cells(), noise, size=size)
    whole = decoded(said, Boundaries(size), said.shape[1:])
    ways = [
        (40, 90, 45),
        (20, 90, 90),
        (40, 45, 45),
        (20, 45, 45),
        (13, 90, 50),
        (40, 31, 90),
        (33, 47, 59),
        (10, 60, 70),
    ]
    least = 1000 if size.z_nm == 10 else 100
    # With much noise a link may be as strong as the limit: then a few voxels decide on one body of eighty.
    most, most_on_cuts = (0.05, 1.05) if noise == 0.5 else (0.005, 1.02)
    on_cuts = np.zeros(2)  # faces between objects on the cuts, and in the same places of the whole
    for block in ways:
        found = decoded(said, Boundaries(size), block)
        assert variation_of_information(found, whole) <= most, block
        for axis, length in enumerate(block):
            cuts = np.arange(length - 1, said.shape[1 + axis] - 1, length)
            edges = [np.diff(ids.astype(np.int64), axis=axis).take(cuts, axis=axis) for ids in (found, whole)]
            on_cuts += [np.count_nonzero(edge) for edge in edges]
    assert on_cuts[1] > least
    assert on_cuts[0] <= most_on_cuts * on_cuts[1]


def touching_blobs(shape=(48, 90, 100), seed=5):
    """Return balls and bent tubes of one class, many of which touch."""
    generator, grid_zyx = np.random.default_rng(seed), np.indices(shape)
    classes = np.zeros(shape, np.uint8)
    for _ in range(30):
        centre, radius = generator.uniform(0, shape), generator.uniform(5, 11)
        classes[sum((a - c) ** 2 for a, c in zip(grid_zyx, centre, strict=True)) < radius**2] = 1
    classes[tubes(shape, 14) == 3] = 1
    return classes


def test_eight_ways_to_cut_touching_balls_and_tubes_give_nearly_the_same_objects():
    classes = touching_blobs()
    whole = decoded(classes[None], Blobs(None), classes.shape)
    pieces = cc3d.connected_components(classes, connectivity=6)
    assert whole.max() > 1.5 * pieces.max(), "they touch"
    ways = [
        (48, 90, 50),
        (24, 90, 100),
        (48, 45, 50),
        (24, 45, 50),
        (16, 90, 60),
        (48, 31, 100),
        (33, 47, 59),
        (12, 60, 70),
    ]
    for block in ways:
        found = decoded(classes[None], Blobs(None), block)
        assert np.array_equal(found > 0, classes > 0)
        assert variation_of_information(found, whole) <= 0.02, block


def test_a_tube_that_runs_through_many_blocks_stays_one_and_balls_across_a_cut_stay_two():
    z, y, x = np.indices((20, 30, 160))
    tube = ((z - 10) ** 2 + (y - 15 - 5 * np.sin(x / 20)) ** 2 < 36).astype(np.uint8)
    assert decoded(tube[None], Blobs(None), (20, 30, 25)).max() == 1
    pair = ((z - 10) ** 2 + (y - 15) ** 2 + (np.abs(x - 80) - 8.5) ** 2 < 81).astype(np.uint8)
    for length in (160, 80, 72, 40, 7):
        assert decoded(pair[None], Blobs(None), (20, 30, length)).max() == 2


def test_one_block_gives_what_is_found_in_an_array():
    said = said_of(tubes((30, 50, 60), 6), 0.3)
    interior, boundary = said[1] / np.float32(255), said[2] / np.float32(255)
    assert same_partition(
        decoded(said, Boundaries(None), (30, 50, 60)), objects_from(interior, boundary, None)
    )


def test_a_fuzzy_object_is_not_cut_where_a_block_ends():
    # Nothing here is less likely a boundary than bodies must be to be joined, and yet it is one fragment.
    said = np.zeros((3, 12, 60, 80), np.uint8)
    said[2], said[1] = 80, 175
    assert decoded(said, Boundaries(None), (12, 60, 80)).max() == 1
    assert decoded(said, Boundaries(None), (12, 60, 40)).max() == 1


def test_numbers_on_disk_are_those_in_memory(tmp_path):
    classes = (np.random.default_rng(0).random((40, 70, 90)) > 0.6).astype(np.uint8)
    scratch = ScratchVolume(tmp_path / "scratch", classes.shape)
    blocks = blocks_of(classes.shape, scratch.block_zyx, most=90_000)
    assert len(blocks) > 2
    found = decode(Desk(ArrayImage(classes), Pieces(), scratch), blocks)
    assert np.array_equal(
        found.to_array(),
        decode(Desk(ArrayImage(classes), Pieces(), NumbersInMemory(classes.shape)), blocks).to_array(),
    )


@settings(max_examples=25)
@given(
    st.tuples(st.integers(1, 50), st.integers(1, 140), st.integers(1, 140)),
    st.tuples(*[st.integers(1, 3)] * 3),
    st.floats(0.2, 0.9),
    st.integers(0, 2**32 - 1),
)
def test_blocks_of_several_chunks_and_odd_ends_give_the_pieces_of_the_whole(
    tmp_path_factory, shape, chunks, share, seed
):
    generator = np.random.default_rng(seed)
    classes = (generator.random(shape) < share) * generator.integers(1, 3, (shape[0], 1, 1))
    classes = classes.astype(np.uint8)
    scratch = ScratchVolume(tmp_path_factory.mktemp("numbers"), shape)
    block = [side * times for side, times in zip(scratch.block_zyx, chunks, strict=True)]
    found = decode(Desk(ArrayImage(classes), Pieces(), scratch), tuple(grid(shape, block))).to_array()
    assert same_partition(found, cc3d.connected_components(classes, connectivity=6))


@given(
    st.tuples(*[st.integers(1, 300)] * 3),
    st.tuples(*[st.integers(1, 40)] * 3),
    st.integers(1, 60),
)
def test_blocks_make_up_the_volume_and_begin_where_they_may(shape, multiple, parts):
    most = -(-int(np.prod(shape)) // parts)
    blocks = blocks_of(shape, multiple, most)
    assert sum(box.size for box in blocks) == np.prod(shape)
    assert all(start % m == 0 for box in blocks for start, m in zip(box.start, multiple, strict=True))
    largest = max(box.size for box in blocks)
    assert largest <= max(1.5 * most, np.prod(multiple))


def test_a_volume_without_objects_has_none_and_one_full_of_one_has_one():
    for value, count in ((0, 0), (1, 1)):
        classes = np.full((1, 4, 30, 30), value, np.uint8)
        assert decoded(classes, Pieces(), (4, 7, 30)).max() == count


def test_a_million_single_voxels_keep_their_ids():
    classes = np.zeros((1, 4, 1000, 2000), np.uint8)
    classes[0, ::2, ::2, ::2] = 1
    blocks = tuple(grid(classes.shape[1:], (4, 500, 2000)))
    found = decode(Desk(ArrayImage(classes), Pieces(), NumbersInMemory(classes.shape[1:])), blocks)
    assert (found.count, found.dtype) == (1_000_000, "uint32")
    assert found.to_array().max() == 1_000_000


def test_the_work_is_cancelled_between_blocks():
    classes = np.ones((1, 4, 8, 8), np.uint8)
    done = []
    with pytest.raises(Cancelled):
        decode(
            Desk(ArrayImage(classes), Pieces(), NumbersInMemory((4, 8, 8))),
            tuple(grid((4, 8, 8), (2, 8, 8))),
            on_progress=lambda share, detail: done.append(detail),
            should_stop=lambda: bool(done),
        )
    assert done == ["block 1 of 2"]


@pytest.mark.parametrize("step", ["fragments", "joined"])
def test_a_call_that_takes_long_is_left_alone_when_the_work_is_cancelled(step):
    """As a mutex watershed does, which asks nobody before it ends."""
    begun, released, ended = Event(), Event(), Event()

    class Slow(Pieces):
        def fragments(self, voxels):
            return self._held("fragments") or super().fragments(voxels)

        def joined(self, links, one, on_step):
            return self._held("joined") or super().joined(links, one, on_step)

        def _held(self, which):
            if which == step:
                begun.set()
                released.wait(60)
                ended.set()

    classes = np.ones((1, 2, 8, 8), np.uint8)
    desk = Desk(ArrayImage(classes), Slow(), NumbersInMemory((2, 8, 8)))
    try:
        with pytest.raises(Cancelled):
            decode(desk, (BOX,), should_stop=begun.is_set)
        assert not ended.is_set()
    finally:
        released.set()
    assert ended.wait(60), "it ends by itself, and the next block need not wait for ever"


def test_what_fails_in_a_block_fails_the_work():
    class Broken(Pieces):
        def fragments(self, voxels):
            raise LimitExceeded("Too many.")

    desk = Desk(ArrayImage(np.ones((1, 2, 8, 8), np.uint8)), Broken(), NumbersInMemory((2, 8, 8)))
    with pytest.raises(LimitExceeded, match="Too many"):
        decode(desk, (BOX,))


def test_a_block_that_was_left_behind_writes_nothing_after_the_run(tmp_path):
    """It would write into what the next attempt has written by then."""
    begun, released = Event(), Event()

    class Slow(Pieces):
        def fragments(self, voxels):
            begun.set()
            released.wait(60)
            return super().fragments(voxels)

    numbers, mark = NumbersInMemory((2, 8, 8)), RunMark.new(tmp_path / "decoding")
    desk = Desk(ArrayImage(np.ones((1, 2, 8, 8), np.uint8)), Slow(), numbers, mark)
    with mark.standing(), pytest.raises(Cancelled):
        decode(desk, (BOX,), should_stop=begun.is_set)
    released.set()
    # The next attempt waits for the one that was left behind, as both take the memory of a block.
    found = decode(replace(desk, decoder=Pieces(), numbers=NumbersInMemory((2, 8, 8)), mark=None), (BOX,))
    assert found.count == 1
    assert not numbers.read(BOX).any()


def test_more_fragments_than_numbers_are_refused(monkeypatch):
    monkeypatch.setattr(decoding, "MOST_FRAGMENTS", 9)
    classes = np.zeros((1, 2, 4, 9), np.uint8)
    classes[..., ::2] = 1
    assert decoded(classes, Pieces(), (2, 4, 9)).max() == 5
    with pytest.raises(LimitExceeded, match="more than can be numbered"):
        decoded(classes, Pieces(), (1, 4, 9))


def one_by_one_from_the_end(function, units):
    """Do the units in another order, one of them twice, as processes that die do."""
    for number, unit in [*reversed(units), units[0]]:
        yield number, function(unit)


@pytest.mark.parametrize("block", [(13, 90, 50), (20, 45, 45), (1, 90, 90), (40, 90, 90)])
@pytest.mark.parametrize(
    "decoder", [Boundaries(None), Boundaries(VoxelSize(40, 10, 10)), Pieces(), Blobs(None)]
)
def test_it_is_the_same_in_which_order_the_blocks_are_done(block, decoder):
    said = said_of(tubes(), 0.4)
    if not isinstance(decoder, Boundaries):
        said = (said[1:2] // 100).astype(np.uint8)
    found = []
    for hands in (None, one_by_one_from_the_end):
        desk = Desk(ArrayImage(said), decoder, NumbersInMemory(said.shape[1:]))
        found.append(decode(desk, tuple(grid(said.shape[1:], block)), hands=hands).to_array())
    assert found[0].max() > 5
    assert np.array_equal(*found)


def test_a_block_asks_its_machine_for_room_and_its_run_whether_it_goes_on(monkeypatch, tmp_path):
    classes = np.ones((1, 2, 4, 9), np.uint8)
    mark = RunMark.new(tmp_path / "run")
    desk = Desk(ArrayImage(classes), Pieces(), NumbersInMemory((2, 4, 9)), mark)
    with pytest.raises(Cancelled):
        decode(desk, blocks_of((2, 4, 9)))
    with mark.standing():
        assert decode(desk, blocks_of((2, 4, 9))).count == 1
        monkeypatch.setattr(fragments, "available_bytes", lambda: 1000)
        with pytest.raises(OutOfMemory, match=r"blocks of 2 x 4 x 9 voxels takes about"):
            decode(desk, blocks_of((2, 4, 9)))


def test_a_grid_tells_which_blocks_a_box_touches():
    blocks = tuple(grid((7, 9, 11), (3, 4, 5)))
    told = decoding._Grid(blocks).touching(Box((2, 3, 5), (3, 9, 10)))
    assert told == [n for n, one in enumerate(blocks) if one.intersection(Box((2, 3, 5), (3, 9, 10)))]


def test_links_that_do_not_fit_are_refused_before_they_are_joined(monkeypatch):
    monkeypatch.setattr(decoders, "available_bytes", lambda: 1000)
    said = said_of(tubes((10, 40, 40), 5))
    with pytest.raises(OutOfMemory, match=r"Joining objects by \d+ links takes"):
        decoded(said, Boundaries(None), said.shape[1:])


def test_what_does_not_fit_is_refused():
    with pytest.raises(OutOfMemory, match=r"89\.4 GiB of memory, and 8\.0 GiB are free"):
        check_memory((1000, 1000, 1000), 8 * 2**30)
    check_memory((300, 300, 300), 8 * 2**30, at_once=3)
    with pytest.raises(OutOfMemory, match=r"2\.4 GiB of memory in each of 4 processes.* start fewer"):
        check_memory((300, 300, 300), 8 * 2**30, at_once=4)
    assert blocks_of((3, 4, 5)) == (Box.of_shape((3, 4, 5)),)
