"""Several processes find the objects in what a network says: the same ids as one, whoever dies on the way."""

from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cristae.door.workers import Crew, DaskWorkers, LocalWorkers
from cristae.errors import Cancelled, CristaeError
from cristae.geometry import Box, grid
from cristae.prediction.affinity_decoding import Affinities
from cristae.prediction.answers import kept_answers, thrown_away_if_damaged
from cristae.prediction.decoders import Blobs, Boundaries, Pieces
from cristae.prediction.decoding import blocks_of, decode
from cristae.prediction.fragments import Desk, DeskOnDisk, NumbersInMemory
from cristae.volumes import ArrayImage, VolumeSpec
from cristae.volumes.run_mark import RunMark
from cristae.volumes.scratch import ScratchVolume

SHAPE = (20, 190, 170)
NEIGHBOURS = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))


def walls(shape, seed=0):
    """Return what a network might say of cells between walls: background, interior, boundary."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), (1, 4, 4))
    boundary = np.exp(-((noise / (0.3 * (noise.std() or 1))) ** 2))
    return (np.stack([np.zeros(shape), 1 - boundary, boundary]) * 255).astype(np.uint8)


def on_disk(folder: Path, said, decoder):
    """Lay out what is said, and return the desk and the blocks."""
    spec = VolumeSpec(said.shape, "uint8")
    answers = kept_answers(folder, spec, lambda writer, _: writer.write(Box.of_shape(said.shape[1:]), said))
    numbers = ScratchVolume(folder / "numbers", said.shape[1:])
    desk = DeskOnDisk(answers.folder, folder / "numbers", decoder, RunMark.new(folder / "run"))
    return desk, blocks_of(said.shape[1:], numbers.block_zyx, most=60_000)


def is_worker(process):
    """Tell whether a process is one that computes, and lives."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False  # it was killed before


@pytest.mark.parametrize("decoder", [Boundaries(None), Pieces(), Blobs(None), Affinities(NEIGHBOURS, None)])
def test_whoever_dies_the_objects_are_those_of_one_process(tmp_path: Path, decoder) -> None:
    said = walls(SHAPE)
    if isinstance(decoder, Pieces | Blobs):
        said = said[1:2] // 128
    elif isinstance(decoder, Affinities):
        said = said[[1, 1, 1, 1]]
    desk, blocks = on_disk(tmp_path, said, decoder)
    assert len(blocks) >= 8
    with desk.mark.standing():
        alone = decode(desk, blocks).to_array()
        killed = []

        def kill(share, detail):
            step = detail.partition(" ")[0]  # a worker of each step
            if step in ("block", "edges") and step not in killed:
                killed.append(step)
                next(filter(is_worker, psutil.Process().children(recursive=True))).kill()

        with Crew(LocalWorkers(2)) as crew:
            hands = partial(crew.results_of, should_stop=lambda: False)
            together = decode(desk, blocks, hands=hands, on_progress=kill).to_array()
    assert alone.max() > 5
    assert killed == ["block", "edges"]
    assert np.array_equal(together, alone)


def test_the_workers_of_a_dask_scheduler_find_them_too(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    desk, blocks = on_disk(tmp_path, walls(SHAPE), Boundaries(None))
    with (
        desk.mark.standing(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        Crew(DaskWorkers(cluster.scheduler_address)) as crew,
    ):
        alone = decode(desk, blocks).to_array()
        hands = partial(crew.results_of, should_stop=lambda: False)
        assert np.array_equal(decode(desk, blocks, hands=hands).to_array(), alone)


@settings(max_examples=15, deadline=None)
@given(st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)), st.integers(0, 99))
def test_odd_shapes_in_odd_blocks_are_the_same_in_every_order(shape, seed) -> None:
    said = walls(shape, seed)
    orders = np.random.default_rng(seed)

    def anyhow(function, units):
        for place in orders.permutation(len(units)):
            number, unit = units[place]
            yield number, function(unit)

    blocks = tuple(grid(shape, [max(1, length // 2) for length in shape]))
    found = [
        decode(
            Desk(ArrayImage(said), Boundaries(None), NumbersInMemory(shape)), blocks, hands=hands
        ).to_array()
        for hands in (None, anyhow)
    ]
    assert np.array_equal(*found)


def test_numbers_that_are_not_there_are_no_background(tmp_path: Path) -> None:
    """A file that is lost on a shared disk must not look like a place without objects."""
    desk, blocks = on_disk(tmp_path, walls(SHAPE), Boundaries(None))
    with desk.mark.standing():
        objects = decode(desk, blocks)
        next(path for path in (tmp_path / "numbers").rglob("*") if path.is_file()).unlink()
        with pytest.raises(CristaeError, match=r"missing.* Start the same again"):
            objects.to_array()


def test_numbers_that_are_lost_cost_no_answers_of_the_network(tmp_path: Path) -> None:
    desk, blocks = on_disk(tmp_path, walls(SHAPE), Boundaries(None))

    def lose(share, detail):
        if detail == f"block {len(blocks)} of {len(blocks)}":
            next(path for path in (tmp_path / "numbers").rglob("*") if path.is_file()).unlink()

    goes_on = pytest.raises(CristaeError, match="goes on from what the network said")
    with desk.mark.standing(), goes_on, thrown_away_if_damaged(tmp_path):
        decode(desk, blocks, on_progress=lose)
    with desk.mark.standing():
        assert decode(desk, blocks).count > 5


def test_a_straggler_of_an_ended_run_writes_no_numbers(tmp_path: Path) -> None:
    desk, blocks = on_disk(tmp_path, walls(SHAPE), Boundaries(None))
    with pytest.raises(Cancelled):
        decode(desk, blocks)
    assert [path for path in (tmp_path / "numbers").rglob("*") if path.is_file()] == []
