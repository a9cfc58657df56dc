"""The memory of an evaluation does not grow with the number of sections.

It grows with the surfaces where distances are asked for, up to 5,000,000 voxels of each: not tested here.
"""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cristae.evaluation.evaluating import Choices, evaluate_images
from cristae.volumes import VoxelSize

SIDE = 256
FEW, MANY = 4, 32


class Sections:
    """An image that is made while it is read: the same objects in each section, with borders between them."""

    name, notes = "", ()
    voxel_size = VoxelSize(40.0, 4.0, 4.0)

    def __init__(self, depth: int, value: Callable[[Any, Any], Any], dtype: str, channels: int = 1) -> None:
        self.shape_czyx = (channels, depth, SIDE, SIDE)
        self.dtype = np.dtype(dtype)
        self._value = value

    def read(self, box_zyx: Any) -> Any:
        z, y, x = (np.arange(a, b) for a, b in zip(box_zyx.start, box_zyx.stop, strict=True))
        section = self._value(y[:, None], x[None])
        shape = (self.shape_czyx[0], z.size, y.size, x.size)
        return np.broadcast_to(section, shape).astype(self.dtype)


def cells(y: Any, x: Any) -> Any:
    """Return the ids of squares of 32 pixels with a border of 4."""
    return (1 + y // 32 * 8 + x // 32) * (y % 32 >= 4) * (x % 32 >= 4)


CASES = {
    "classes": (Choices(), "uint8", lambda y, x: cells(y, x) % 3, 1),
    "masks": (Choices(target="masks"), "uint8", lambda y, x: cells(y, x) > 0, 2),
    "instances": (Choices(target="instances"), "uint16", cells, 1),
    "probabilities": (Choices(target="masks", probabilities=True), "uint8", lambda y, x: cells(y, x) > 0, 1),
}


@pytest.mark.parametrize("case", CASES)
def test_memory_does_not_grow_with_the_number_of_sections(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight times the sections take the same memory, with a report and its pictures."""
    choices, dtype, value, channels = CASES[case]
    # As with the slabs of large volumes: a part is much less than the small one of both.
    monkeypatch.setattr("cristae.labels.scan.slabs.__defaults__", (None, SIDE * SIDE, 1))
    for room in ("masks", "comparing", "probabilities"):
        monkeypatch.setattr(f"cristae.evaluation.{room}.SLAB_VOXELS", SIDE * SIDE)

    def peak(depth: int) -> int:
        truth = Sections(depth, value, dtype, channels)
        found = Sections(depth, lambda y, x: value(y + 3, x), dtype, channels)
        tracemalloc.start()
        evaluation = evaluate_images([found], truth, ["found.tif", "true.tif"], choices, raw=truth)
        evaluation.write(tmp_path / f"{depth}.html")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert evaluation.scores["voxels"] == depth * SIDE * SIDE
        return most

    peak(1)  # loads what is loaded once
    few, many = peak(FEW), peak(MANY)
    volume = MANY * SIDE * SIDE * np.dtype(dtype).itemsize * channels
    assert many < few + volume / 8
