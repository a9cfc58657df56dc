"""Which tiles are chosen: larger ones where the device is quick, and never more than its memory takes."""

from collections.abc import Callable
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cristae.geometry import Box
from cristae.prediction import Predictor, devices, fitting, load_predictor
from cristae.prediction.devices import MOST_VOXELS_ON_CPU, MOST_VOXELS_ON_QUICK_CPU
from cristae.prediction.fitting import fitting_tiling
from cristae.prediction.tiling import Tiling
from cristae.volumes import ArrayImage

PLENTY, LITTLE = 1 << 40, 1 << 28


def chosen(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, *, seconds: float, free: int = PLENTY
) -> tuple[Tiling, int]:
    """Return the tiles of a large volume, and how many input voxels the network sees in one.

    The small tile that is timed takes so many seconds.
    """
    clock = [0.0]

    def try_out(predictor: Predictor, tile_zyx: tuple[int, int, int]) -> None:
        clock[0] += seconds

    monkeypatch.setattr(fitting, "_try_out", try_out)
    monkeypatch.setattr(fitting, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(devices, "free_bytes", lambda device: free)
    frame = predictor.frame(ArrayImage(np.broadcast_to(np.uint8(0), (600, 1200, 1200))))
    cut = fitting_tiling(predictor, frame, None, (0, 0, 0), None, lambda event: None)
    return cut, prod(cut.tile_zyx) // prod(predictor.preprocessing.downsample_zyx)


@pytest.fixture(scope="module")
def volumes(random_model: Callable[..., Any]) -> Predictor:
    return load_predictor(random_model("volume"), "cpu")


def test_a_quick_processor_takes_larger_tiles_and_computes_fewer_voxels_twice(
    volumes: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, usual = chosen(volumes, monkeypatch, seconds=10.0)
    quick, larger = chosen(volumes, monkeypatch, seconds=0.01)
    assert usual <= MOST_VOXELS_ON_CPU < larger <= MOST_VOXELS_ON_QUICK_CPU
    read = [sum(prod(tile.read_box.shape) for tile in cut.tiles) for cut in (quick, slow)]
    assert read[0] < read[1]


def test_sections_and_parts_of_a_volume_are_not_timed(
    volumes: Predictor, random_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, voxels = chosen(load_predictor(random_model("sections"), "cpu"), monkeypatch, seconds=0.01)
    assert voxels <= MOST_VOXELS_ON_CPU  # larger ones gain nothing there
    frame = volumes.frame(ArrayImage(np.broadcast_to(np.uint8(0), (600, 1200, 1200))))
    part = Box((0, 0, 0), (300, 600, 600))  # others may be computed beside it, in the same memory
    cut = fitting_tiling(volumes, frame, None, (0, 0, 0), part, lambda event: None)
    assert prod(cut.tile_zyx) // prod(volumes.preprocessing.downsample_zyx) <= MOST_VOXELS_ON_CPU


def test_a_tile_that_is_larger_than_usual_takes_no_longer_than_a_person_waits(
    volumes: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, voxels = chosen(volumes, monkeypatch, seconds=0.2)  # 65,536 voxels; so 1.6 million in five seconds
    assert MOST_VOXELS_ON_CPU < voxels <= 5 * 65_536 / 0.2


def test_a_quick_processor_with_little_memory_takes_smaller_tiles(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, voxels = chosen(predictor, monkeypatch, seconds=0.01, free=LITTLE)
    assert voxels * 4 * predictor.config.numbers_a_voxel <= devices.SHARE_OF_CPU_MEMORY * LITTLE


def test_a_volume_of_one_tile_and_a_tile_that_is_given_are_not_timed(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(predictor: Predictor, tile_zyx: tuple[int, int, int]) -> float:
        raise AssertionError("It was timed.")

    monkeypatch.setattr(fitting, "_pace", timed)
    small = predictor.frame(ArrayImage(np.zeros((8, 64, 64), np.uint8)))
    assert len(fitting_tiling(predictor, small, None, (0, 0, 0), None, print).tiles) == 1
    large = predictor.frame(ArrayImage(np.broadcast_to(np.uint8(0), (64, 1024, 1024))))
    assert fitting_tiling(predictor, large, (64, 64, 64), (0, 0, 0), None, print).tile_zyx == (64, 64, 64)
