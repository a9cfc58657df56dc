"""The parts of a prediction by themselves: tiles, pipeline, ledger, resampling, memory."""

import os
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.geometry import Box, grid
from cristae.models.grid import model_grid
from cristae.networks import UNetConfig
from cristae.prediction import resampling
from cristae.prediction.devices import smaller_until_it_fits, voxels_at_once
from cristae.prediction.ledger import How, Ledger
from cristae.prediction.pipeline import run_pipeline
from cristae.prediction.resampling import ResampledImage, weights, write_back
from cristae.prediction.tiling import least_waste, tile_count, tiling
from cristae.prediction.voxel_sizes import on_model_grid
from cristae.volumes import ArrayImage, VoxelSize

SMALL = st.tuples(*[st.integers(1, 40)] * 3)
CELL = st.tuples(*[st.integers(1, 4)] * 3)
HALO = st.tuples(*[st.integers(0, 6)] * 3)


@settings(max_examples=60, deadline=None)
@given(shape=SMALL, cell=CELL, halo=HALO, most=st.integers(1, 20_000), offset=HALO)
def test_tiles_partition_the_volume_lie_on_the_grid_and_are_all_alike(
    shape: tuple[int, int, int],
    cell: tuple[int, int, int],
    halo: tuple[int, int, int],
    most: int,
    offset: tuple[int, int, int],
) -> None:
    cut = tiling(shape, cell, halo, most_voxels=most, grid_offset_zyx=offset)
    written = np.zeros(shape, int)
    for tile in cut.tiles:
        written[tile.write_box.slices] += 1
        assert tile.read_box.shape == cut.tile_zyx
        assert all(start % size == 0 for start, size in zip(tile.read_box.start, cell, strict=True))
        assert Box.of_shape(cut.padded_zyx).contains(tile.read_box)
        needed = tile.write_box.grown(halo).intersection(Box.of_shape(cut.padded_zyx))
        assert needed is not None
        assert tile.read_box.contains(needed)
    assert (written == 1).all()


@settings(max_examples=60, deadline=None)
@given(
    length=st.tuples(*[st.integers(1, 14)] * 3),
    halo=st.tuples(*[st.integers(0, 2)] * 3),
    most=st.integers(1, 900),
)
def test_the_tile_chosen_wastes_no_more_than_any_other_that_fits(
    length: tuple[int, int, int], halo: tuple[int, int, int], most: int
) -> None:
    def cost(tile: tuple[int, ...]) -> float:
        counts = [
            tile_count(whole, side, margin) for whole, side, margin in zip(length, tile, halo, strict=True)
        ]
        return float(np.prod(counts) * (np.prod(tile) + 1))

    least = [min(whole, 2 * margin + 1) for whole, margin in zip(length, halo, strict=True)]
    sides = [range(low, whole + 1) for low, whole in zip(least, length, strict=True)]
    fitting = [(z, y, x) for z in sides[0] for y in sides[1] for x in sides[2] if z * y * x <= most]
    chosen = least_waste(length, halo, most)
    if not fitting:
        assert list(chosen) == least
    else:
        assert cost(chosen) == min(map(cost, fitting))


def test_a_tile_for_a_volume_of_terabytes_is_chosen_at_once() -> None:
    tile = least_waste((20_000, 5_000, 5_000), (2, 4, 4), 1 << 16)
    assert np.prod(tile) <= 1 << 16
    assert min(tile) > 8


def test_reading_computing_and_writing_overlap_within_bounded_memory() -> None:
    alive, most = 0, 0
    lock = threading.Lock()

    def read(unit: int) -> int:
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return unit

    def write(unit: int, result: int) -> None:
        nonlocal alive
        time.sleep(0.002)
        with lock:
            alive -= 1

    run_pipeline(range(60), read=read, compute=lambda unit, data: data, write=write)
    assert alive == 0
    assert most <= 6  # two read ahead, one computed, two waiting, one being written


def test_several_readers_read_side_by_side_and_the_order_stays() -> None:
    everyone_reads = threading.Barrier(3, timeout=60)
    written: list[int] = []

    def read(unit: int) -> int:
        everyone_reads.wait()  # it breaks, and fails, unless three read at a time
        return unit

    run_pipeline(
        range(9),
        read=read,
        compute=lambda unit, data: (unit, data),
        write=lambda unit, result: written.append(unit) if result == (unit, unit) else None,
        readers=3,
    )
    assert written == list(range(9))


def test_where_reading_takes_as_long_as_computing_tiles_of_sections_are_deep() -> None:
    shape, halo, most = (64, 2048, 2048), (0, 80, 80), 1 << 22
    assert least_waste(shape, halo, most)[0] < 4
    assert least_waste(shape, halo, most, reading=1.0, beside_z=6.0)[0] >= 4


@pytest.mark.parametrize("stage", ["read", "compute", "write"])
def test_a_failure_of_any_stage_ends_the_work_and_is_the_one_told(stage: str) -> None:
    begun: list[int] = []

    def fails(at: str, unit: int) -> int:
        if at == "read":
            begun.append(unit)
        if at == stage and unit == 3:
            raise ZeroDivisionError(stage)
        return unit

    with pytest.raises(ZeroDivisionError, match=stage):
        run_pipeline(
            range(1000),
            read=lambda unit: fails("read", unit),
            compute=lambda unit, data: fails("compute", unit),
            write=lambda unit, result: fails("write", unit) and None,
        )
    assert len(begun) < 12


def test_behind_a_failed_write_nothing_is_written() -> None:
    """The last part of a tile, queued already, would vouch for the one that could not be written."""
    tried, all_are_queued = [], threading.Event()

    def compute(unit: int, _: int) -> int:
        if unit == 3:
            all_are_queued.set()
        return unit

    def write(unit: int, _: int) -> None:
        tried.append(unit)
        assert all_are_queued.wait(20)
        if unit == 2:
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        run_pipeline([1, 2, 3], read=lambda unit: unit, compute=compute, write=write, depth=3)
    assert tried == [1, 2]


def test_what_was_computed_before_a_stop_is_written() -> None:
    written: list[int] = []
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        run_pipeline(
            range(100),
            read=lambda unit: unit,
            compute=lambda unit, data: data,
            write=lambda unit, result: written.append(result),
            should_stop=lambda: next(asked) >= 5,
        )
    assert written == [0, 1, 2, 3, 4]


def test_half_a_line_at_the_end_of_a_ledger_does_not_count(tmp_path: Path) -> None:
    path, work = tmp_path / "tiles.jsonl", {"model": "m"}
    with Ledger(path, work, How((8, 8, 8))) as ledger:
        ledger.note(1)
        ledger.note(12)
    path.write_bytes(path.read_bytes()[:-3])  # a power cut within the second line
    again = Ledger(path, work, How((8, 8, 8)))
    assert again.done == {1}
    with again:
        again.note(2)
    assert Ledger(path, work, How((8, 8, 8))).done == {1, 2}


def test_a_note_is_written_whole_where_the_system_takes_it_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, really = tmp_path / "tiles.jsonl", os.write
    with Ledger(path, {"model": "m"}, How((8, 8, 8))) as ledger:
        ledger.note(1)
        monkeypatch.setattr(os, "write", lambda file, data: really(file, data[:3]))
        ledger.note(2)
        ledger.note(3)
        monkeypatch.undo()
    assert Ledger(path, {"model": "m"}, How((8, 8, 8))).done == {1, 2, 3}


def test_a_ledger_of_other_work_or_full_of_rubbish_starts_anew(tmp_path: Path) -> None:
    path, work = tmp_path / "tiles.jsonl", {"model": "m"}
    with Ledger(path, work, How((8, 8, 8))) as ledger:
        ledger.note(1)
    assert Ledger.begun(path, work) == How((8, 8, 8))
    assert Ledger.begun(path, {"model": "other"}) is None
    assert Ledger(path, {"model": "other"}, How((8, 8, 8))).done == frozenset()
    assert Ledger(path, work, How((8, 8, 16))).done == frozenset()
    for rubbish in (
        b"",
        b"\n",
        b"\x00\xff\n",
        b"[]\n",
        b'{"ledger": 1}\n',
        path.read_bytes() + b'{"done": "x"}\n',
    ):
        path.write_bytes(rubbish)
        assert Ledger(path, work, How((8, 8, 8))).done == frozenset()
    assert Ledger(None, work, How((8, 8, 8))).done == frozenset()


@settings(max_examples=40, deadline=None)
@given(
    old=st.tuples(*[st.integers(1, 30)] * 3),
    new=st.tuples(*[st.integers(1, 30)] * 3),
    block=st.integers(1, 9),
)
def test_results_on_the_models_grid_fill_the_image_exactly_once(
    old: tuple[int, int, int], new: tuple[int, int, int], block: int
) -> None:
    written = np.zeros(old, int)
    values = np.arange(np.prod(new)).reshape(1, *new)
    taken = np.full(old, -1)
    for box in grid(new, (block, block, block)):
        back = write_back(values[(slice(None), *box.slices)], box, new, old)
        if back is not None:
            written[back[0].slices] += 1
            taken[back[0].slices] = back[1][0]
    assert (written == 1).all()
    z, y, x = (((np.arange(o) + 0.5) * n / o).astype(int) for o, n in zip(old, new, strict=True))
    assert np.array_equal(taken, values[0][np.ix_(z, y, x)])


@settings(max_examples=40, deadline=None)
@given(old=st.integers(1, 50), new=st.integers(1, 50), data=st.data())
def test_a_box_is_interpolated_as_the_whole_would_be(old: int, new: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, new - 1))
    stop = data.draw(st.integers(start + 1, new))
    firsts, tents = weights(0, new, old, new)
    assert np.allclose(tents.sum(axis=1), 1)
    whole = np.zeros((new, old))
    for row, (first, tent) in enumerate(zip(firsts, tents, strict=True)):
        for place in np.flatnonzero(tent):
            whole[row, first + place] = tent[place]
    line = np.random.default_rng(0).normal(size=(1, 1, old)).astype(np.float32)
    image = ResampledImage(ArrayImage(line), (1, 1, new))
    part = image.read(Box((0, 0, start), (1, 1, stop)))[0, 0, 0]
    assert np.allclose(part, (whole @ line[0, 0])[start:stop], atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), old=st.tuples(*[st.integers(1, 30)] * 3), new=st.tuples(*[st.integers(1, 30)] * 3))
def test_not_even_the_last_digit_of_a_voxel_depends_on_what_is_read_beside_it(
    data: st.DataObject, old: tuple[int, int, int], new: tuple[int, int, int]
) -> None:
    voxels = np.random.default_rng(0).normal(100, 30, (2, *old)).astype(np.float32)
    voxels[:, old[0] // 2, old[1] // 2, old[2] // 2] = np.nan
    image = ResampledImage(ArrayImage(voxels), new)
    whole = image.read(Box.of_shape(new))
    start = tuple(data.draw(st.integers(0, side - 1)) for side in new)
    stop = tuple(data.draw(st.integers(first + 1, side)) for first, side in zip(start, new, strict=True))
    box = Box(start, stop)
    with pytest.MonkeyPatch.context() as few:
        few.setattr(resampling, "_SLAB_BYTES", data.draw(st.integers(8, 20_000)))
        few.setattr(resampling, "_BAND_VOXELS", data.draw(st.integers(1, 200)))
        assert np.array_equal(image.read(box), whole[:, *box.slices], equal_nan=True)


@pytest.mark.parametrize(("old", "new"), [((240, 240, 240), (40, 40, 40)), ((2, 2400, 2400), (2, 150, 150))])
def test_however_fine_an_image_is_a_slab_of_it_is_in_memory(
    old: tuple[int, int, int], new: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 2**21
    monkeypatch.setattr(resampling, "_SLAB_BYTES", most)
    page, read = np.arange(256, dtype=np.uint8), []

    class Endless:
        shape_czyx, dtype, name, notes, voxel_size = (1, *old), page.dtype, "", (), None

        def read(self, box: Box) -> NDArray[np.uint8]:
            read.append(box)
            rows = np.take(page, np.arange(box.start[1], box.stop[1]) % 256)
            return np.broadcast_to(rows[:, None], (1, *box.shape)).copy()

    image = ResampledImage(Endless(), new)
    image.read(Box.of_shape((1, 1, 1)))  # what is loaded at the first use is no part of it
    read.clear()
    tracemalloc.start()
    seen = image.read(Box.of_shape(new))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    voxels = np.zeros(old, np.uint8)
    for box in read:
        voxels[box.slices] += 1
    assert voxels.min() == 1
    assert np.count_nonzero(voxels > 1) < 0.1 * voxels.size  # at the ends of bands of rows
    # The sum and what may be missing of it; then a slab, and bands of its sections as numbers.
    assert peak < 2 * seen.nbytes + most + 16 * resampling._BAND_VOXELS
    middle = seen[0, new[0] // 2, :, new[2] // 2]
    scale, reach = old[1] / new[1], int(old[1] / new[1])
    row = new[1] // 2
    taps = np.arange(old[1])
    tent = np.clip(1 - np.abs(taps - ((row + 0.5) * scale - 0.5)) / reach, 0, None)
    assert middle[row] == pytest.approx((tent * (taps % 256)).sum() / tent.sum(), rel=1e-5)


def test_a_constant_image_stays_constant_on_any_grid_and_the_same_grid_changes_nothing() -> None:
    image = ArrayImage(np.full((3, 20, 30), 7, np.uint8), VoxelSize(50, 4, 4))
    other = ResampledImage(image, (6, 11, 45))
    assert np.allclose(other.read(Box.of_shape((6, 11, 45))), 7)
    assert other.voxel_size is not None
    assert other.voxel_size.zyx_nm == pytest.approx((25, 80 / 11, 120 / 45))
    ramp = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    same = ResampledImage(ArrayImage(ramp), (2, 3, 4))
    assert np.array_equal(same.read(Box.of_shape((2, 3, 4)))[0], ramp)


def test_only_a_difference_of_more_than_a_tenth_is_resampled() -> None:
    shape = (10, 100, 100)
    assert model_grid(shape, VoxelSize(50, 4.6, 4.6), (50, 5.0, 4.2), dims=3) == shape
    assert model_grid(shape, VoxelSize(50, 4.6, 4.6), (50, 9.2, 9.2), dims=3) == (10, 50, 50)
    assert model_grid(shape, VoxelSize(50, 9.2, 9.2), (50, 4.6, 4.6), dims=3) == (10, 200, 200)
    single = model_grid((1, 100, 100), VoxelSize(1, 9.2, 9.2), (50, 4.6, 4.6), dims=3)
    assert single == (1, 200, 200)  # one section has no z
    assert model_grid(shape, None, (50, 9.2, 9.2), dims=3) == shape
    assert model_grid(shape, VoxelSize(50, 4.6, 4.6), None, dims=3) == shape


def test_a_network_that_works_on_sections_never_gets_blends_of_sections() -> None:
    # A single image in ImageJ has a depth of one unit, whatever its pixels are.
    assert model_grid((100, 512, 512), VoxelSize(50, 4, 4), (1000, 4, 4), dims=2) == (100, 512, 512)
    assert model_grid((100, 512, 512), VoxelSize(50, 8, 8), (1, 4, 4), dims=2) == (100, 1024, 1024)


def test_a_voxel_that_is_no_number_spoils_nothing_around_it() -> None:
    voxels = np.random.default_rng(0).normal(size=(8, 16, 16)).astype(np.float32)
    whole = Box.of_shape((4, 23, 23))
    clean = ResampledImage(ArrayImage(voxels), whole.shape).read(whole)
    broken = voxels.copy()
    broken[3, 5, 5], broken[6, 10, 2] = np.nan, np.inf
    seen = ResampledImage(ArrayImage(broken), whole.shape).read(whole)
    assert np.isfinite(seen).all()
    # A voxel counts in the new ones over it: 2 x 4 x 4 of them at most, for each.
    assert 0 < np.count_nonzero(np.abs(seen - clean) > 1e-4) <= 2 * 2 * 4 * 4
    part = Box((1, 4, 3), (3, 20, 11))
    assert np.allclose(ResampledImage(ArrayImage(broken), whole.shape).read(part), seen[:, *part.slices])

    padded = voxels.copy()
    padded[:, :8] = np.nan
    seen = ResampledImage(ArrayImage(padded), whole.shape).read(whole)
    assert np.isnan(seen[:, :, :10]).all()
    assert np.isfinite(seen[:, :, 13:]).all()


def test_a_tile_shrinks_until_the_memory_suffices_and_that_is_told() -> None:
    told: list[int] = []

    def attempt(voxels: int) -> int:
        if voxels > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return voxels

    assert smaller_until_it_fits(1000, attempt, least=10, on_smaller=told.append) == 250
    assert told == [500, 250]
    with pytest.raises(OutOfMemory, match="smallest tile"):
        smaller_until_it_fits(1000, attempt, least=400, on_smaller=told.append)


def test_another_failure_is_not_taken_for_a_lack_of_memory() -> None:
    def attempt(voxels: int) -> int:
        raise RuntimeError("the shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        smaller_until_it_fits(1000, attempt, least=10, on_smaller=lambda voxels: None)


def test_wider_networks_get_smaller_tiles() -> None:
    def config(features: int) -> UNetConfig:
        return UNetConfig(3, 1, 2, (features,), ((3, 3, 3),), ())

    wide, narrow = (voxels_at_once(config(features), torch.device("cpu")) for features in (4096, 4))
    assert 1 <= wide < narrow


@pytest.mark.parametrize(
    ("side_nm", "is_warning", "told"),
    [
        (5.0, None, ""),
        (8.0, False, "resampled for the network, and the result brought back"),
        (20.0, False, "resampled for the network"),
        (22.0, True, "resampled to 4 x 176 x 176 voxels for the network, which may be wrong"),
        (1.2, True, "resampled to 4 x 10 x 10 voxels"),
    ],
)
def test_a_large_difference_of_voxel_sizes_is_warned_of(
    side_nm: float, is_warning: bool | None, told: str
) -> None:
    image = ArrayImage(np.zeros((4, 40, 40), np.uint8), VoxelSize(50, side_nm, side_nm))
    notes: list[Any] = []
    seen = on_model_grid(image, (50, 5, 5), 3, notes.append)
    assert [note.is_warning for note in notes] == ([] if is_warning is None else [is_warning])
    assert all(told in note.sentence for note in notes)
    assert seen.shape_czyx[2] == round(40 * side_nm / 5)


@pytest.mark.parametrize("factor", [17, 1 / 17])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_voxel_sizes_that_cannot_both_be_right_are_refused(factor: float, axis: int) -> None:
    sides = [50.0, 5.0, 5.0]
    sides[axis] *= factor
    image = ArrayImage(np.zeros((4, 40, 40), np.uint8), VoxelSize(*sides))
    with pytest.raises(InvalidInput, match=r"50 x 5 x 5 nm: .*=Z,Y,X.* voxel-size=50,5,5:") as refused:
        on_model_grid(image, (50, 5, 5), 3, lambda note: None)
    assert " x ".join(f"{side:g}" for side in sides) in refused.value.sentence
    if axis == 0:  # a network of sections takes them as they come
        assert on_model_grid(image, (50, 5, 5), 2, lambda note: None) is image


@pytest.mark.parametrize(
    ("image_nm", "model_nm"), [(None, (50, 5, 5)), (VoxelSize(50, 5, 5), None), (None, None)]
)
def test_an_unknown_voxel_size_is_told(image_nm: VoxelSize | None, model_nm: Any) -> None:
    image = ArrayImage(np.zeros((4, 40, 40), np.uint8), image_nm)
    notes: list[Any] = []
    assert on_model_grid(image, model_nm, 3, notes.append) is image
    (note,) = notes
    assert "voxel size" in note.sentence
    assert note.is_warning == (model_nm is not None)


def test_a_section_has_no_distance_to_a_next_one_that_could_be_wrong() -> None:
    image = ArrayImage(np.zeros((1, 40, 40), np.uint8), VoxelSize(5000, 5, 5))
    assert on_model_grid(image, (50, 5, 5), 3, lambda note: None) is image
