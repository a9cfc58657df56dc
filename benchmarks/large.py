"""How much memory the prediction of a large volume takes, and that of one of a fifth of its size.

The volume is virtual: its voxels are computed when they are read. Most of it is of one grey value, as the
resin around a sample is, and such tiles go through the network once (see ``cristae.prediction.empty``); but
every tile is read, normalised, looked through, written as compressed OME-Zarr and, at the end, made into the
coarser levels. A block of noise in each cube of 2048 voxels goes through the network. The peak is that of a
process of its own for each volume.

    python benchmarks/large.py [--gibibytes 20]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
import torch
from numpy.typing import NDArray

from cristae.geometry import Box
from cristae.prediction import load_predictor, predict
from cristae.volumes import VoxelSize, create_output
from prediction import MIB, RandomModel, peak_bytes, told_shape

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "large.md"
MOST_MIB_MORE = 16.0
TIMES_LARGER = 5
SECTION = (4096, 4096)
TILE, OFFSET = (32, 528, 528), (8, 8, 8)
"""A tile writes whole blocks of the OME-Zarr: written in parts, they would take most of the time."""
CUBE, NOISE, IN_CUBE = 2048, (16, 384, 384), 64
RESIN = 200


class VirtualVolume:
    """An image of so many sections that lies nowhere: resin, with a block of noise in each cube."""

    name, notes, dtype = "virtual", (), np.dtype(np.uint8)
    voxel_size: VoxelSize | None = None

    def __init__(self, sections: int) -> None:
        self.shape_czyx = (1, sections, *SECTION)
        self._noise = np.random.default_rng(0).integers(1, 255, NOISE, dtype=np.uint8)

    def read(self, box_zyx: Box) -> NDArray[np.uint8]:
        """Return the voxels (1, z, y, x) of a box."""
        voxels = np.full(box_zyx.shape, RESIN, np.uint8)
        cubes = (range(a // CUBE, -(-b // CUBE)) for a, b in zip(box_zyx.start, box_zyx.stop, strict=True))
        for corner in np.stack(np.meshgrid(*cubes), axis=-1).reshape(-1, 3) * CUBE:
            noise = Box.of_shape(NOISE).shifted([int(start) + IN_CUBE for start in corner])
            common = noise.intersection(box_zyx)
            if common is not None:
                there = self._noise[common.relative_to(noise).slices]
                voxels[common.relative_to(box_zyx).slices] = there
        return voxels[None]


def print_peak(sections: int) -> None:
    """Predict a volume of so many sections, and print what it took."""
    predictor = load_predictor(RandomModel((4, 8)), "cpu", engine="torch")
    image = VirtualVolume(sections)
    # What the libraries need once, such as the convolution's workspace, belongs to no volume.
    predictor.predict(np.zeros((1, 1, *TILE), np.float32), "labels", Box.of_shape(TILE))
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        output = create_output(Path(folder) / "labels.zarr", image.shape_czyx, "uint8", labels=True)
        predict(
            predictor,
            image,
            output,
            tile_shape_zyx=TILE,
            grid_offset_zyx=OFFSET,
            ledger=Path(folder) / "tiles.jsonl",
        )
        output.seal()
    print(json.dumps({"peak_mib": peak_bytes() / MIB, "seconds": time.monotonic() - start_s}))


def measured(sections: int) -> dict[str, Any]:
    """Predict a volume in a process of its own, and return what it took."""
    command = [sys.executable, __file__, "--sections", str(sections)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    print(f"{sections} sections: {found}", flush=True)
    return found


def page(gibibytes: int, small: dict[str, Any], large: dict[str, Any]) -> str:
    """Return what was measured as a page."""
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    rows = "\n".join(
        f"| {size:g} GiB | {told_shape((sections_of(size), *SECTION))} | {one['seconds'] / 60:.0f} min "
        f"| {one['peak_mib']:.0f} MiB |"
        for size, one in ((gibibytes / TIMES_LARGER, small), (gibibytes, large))
    )
    return f"""# Large volumes: how much memory a prediction takes

Written by `benchmarks/large.py --gibibytes {gibibytes}`. {machine},
torch {torch.__version__}, the CPU. Shapes are z, y, x.

The peak memory of a process that predicts labels of a virtual volume, one byte a voxel, into an OME-Zarr with
its coarser levels and with a ledger of finished tiles, by a 3D U-Net of 4, 8 features in tiles of
{told_shape(TILE)}. Voxels are computed when they are read. All are of one grey value but a block of noise of
{told_shape(NOISE)} in each cube of {CUBE} voxels: every tile is read, looked through and written, but those
of one value go through the network once only, so the minutes say nothing of other volumes.

| volume | voxels | from the first to the last | peak memory |
|---|---|---|---|
{rows}
| more | | | {large["peak_mib"] - small["peak_mib"]:.1f} MiB (goal: <= {MOST_MIB_MORE:.0f} MiB) |
"""


def sections_of(gibibytes: float) -> int:
    """Return how many sections so large a volume has."""
    return int(gibibytes * 2**30 / np.prod(SECTION))


def main() -> int:
    """Measure, print and write the page; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gibibytes", type=int, default=20, help="of the larger volume of the two")
    parser.add_argument("--sections", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.sections is not None:
        print_peak(chosen.sections)
        return 0
    small = measured(sections_of(chosen.gibibytes / TIMES_LARGER))
    large = measured(sections_of(chosen.gibibytes))
    text = page(chosen.gibibytes, small, large)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if large["peak_mib"] - small["peak_mib"] <= MOST_MIB_MORE else 1


if __name__ == "__main__":
    raise SystemExit(main())
