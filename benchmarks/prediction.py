"""What tiling costs: time against the bare network on the same tiles, memory against the size of the volume.

The time is measured in one process, by turns: the bare forward of every tile, its input made beforehand,
against the whole way from an OME-Zarr on disk to an OME-Zarr on disk. Each round gives a ratio of two that
ran right after each other, and the median of the rounds counts. The memory is the peak of a process of its
own, for a volume and for one eight times as large, with the same tile.
The network's weights are random: neither time nor memory depends on them.

    python benchmarks/prediction.py [--rounds 11] [--mebibytes 32]
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
import psutil
import torch

from cristae.geometry import Box, grid
from cristae.networks import Frame, Preprocessing, Statistics, UNetConfig, build
from cristae.networks.devices import describe
from cristae.prediction import Predictor, load_predictor, predict
from cristae.prediction.tiling import tiling
from cristae.volumes import Image, create_output, open_image

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "prediction.md"
MOST_TIMES_BARE = 1.15
MOST_MIB_MORE = 16.0
TIMED = (40, 144, 144)
TILE = (32, 80, 80)
MIB = 1024 * 1024


class RandomModel:
    """A model with random weights: the network that a plan makes for isotropic volumes, or a narrow one."""

    name, digest = "random", "0" * 64

    def __init__(self, features: tuple[int, ...]) -> None:
        config = UNetConfig(
            dims=3,
            in_channels=1,
            out_channels=3,
            features=features,
            kernels_zyx=((3, 3, 3),) * len(features),
            strides_zyx=((2, 2, 2),) * (len(features) - 1),
        )
        torch.manual_seed(0)
        self._weights = {
            name: tensor.numpy() for name, tensor in build(config.to_dict()).state_dict().items()
        }
        self.record: dict[str, Any] = {
            "target": "classes",
            "classes": [{"value": 1, "name": "one", "rgb": 0}, {"value": 2, "name": "two", "rgb": 0}],
            "network": config.to_dict(),
            "preprocessing": Preprocessing(3, "training", Statistics((128.0,), (40.0,))).to_dict(),
            "voxel_size_nm": None,
        }

    def weights(self) -> dict[str, Any]:
        """Return the weights."""
        return self._weights


def make_volume(path: Path, shape_zyx: tuple[int, int, int]) -> Image:
    """Write noise as an OME-Zarr, slab by slab, and open it."""
    random = np.random.default_rng(0)
    output = create_output(path, (1, *shape_zyx), "uint8")
    for box in grid(shape_zyx, (16, *shape_zyx[1:])):
        output.write(box, random.integers(1, 255, box.shape, dtype=np.uint8))
    output.seal()
    return open_image(path)


def predicted(predictor: Predictor, image: Image, out: Path) -> None:
    """Predict labels from disk to disk."""
    output = create_output(out, (1, *image.shape_czyx[1:]), "uint8", overwrite=True)
    predict(predictor, image, output, tile_shape_zyx=TILE)
    output.seal()


def measure_time(folder: Path, rounds: int) -> tuple[list[float], list[float], int]:
    """Return the seconds of the bare network and of the whole way, each round's, and the number of tiles."""
    predictor = load_predictor(RandomModel((16, 32, 64)))
    image = make_volume(folder / "raw.zarr", TIMED)
    frame = Frame(image, predictor.preprocessing, predictor.stride_zyx)
    cut = tiling(
        TIMED, frame.step_zyx, frame.halo_zyx(predictor.halo_zyx), most_voxels=1, tile_shape_zyx=TILE
    )
    inputs = [frame.read(tile.read_box) for tile in cut.tiles]

    def bare() -> None:
        for prepared in inputs:
            predictor.forward(prepared)
        if predictor.device.type == "cuda":
            torch.cuda.synchronize()

    predictor.forward(inputs[0])  # the first call is slower, whoever makes it
    seconds: dict[str, list[float]] = {"bare": [], "tiled": []}
    for number in range(rounds):
        for way, work in (
            ("bare", bare),
            ("tiled", lambda: predicted(predictor, image, folder / "out.zarr")),
        ):
            start = time.perf_counter()
            work()
            seconds[way].append(time.perf_counter() - start)
            print(f"round {number + 1}: {way} {seconds[way][-1]:.2f} s", flush=True)
    return seconds["bare"], seconds["tiled"], len(inputs)


def ratio(bare: list[float], tiled: list[float]) -> float:
    """Return what tiling costs: the median of the rounds."""
    return median(ours / net for net, ours in zip(bare, tiled, strict=True))


def measure_memory(folder: Path, mebibytes: int) -> tuple[float, float]:
    """Return the peak memory in MiB of predicting the small and the large volume, a process each."""
    peaks = []
    for number, shape in enumerate(volumes(mebibytes)):
        path = folder / f"{number}.zarr"
        make_volume(path, shape)
        command = [sys.executable, __file__, "--peak", str(path)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(float(told.split()[-1]))
        print(f"{told_shape(shape)} voxels: peak {peaks[-1]:.0f} MiB", flush=True)
    return peaks[0], peaks[1]


def volumes(mebibytes: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the shapes of a volume of so many MiB and of one eight times as large, one byte a voxel."""
    return (4 * mebibytes, 512, 512), (8 * mebibytes, 1024, 1024)


def print_peak(path: Path) -> None:
    """Predict one volume and print the peak memory of this process in MiB."""
    predictor = load_predictor(RandomModel((4, 8)))
    # What the libraries need once, such as the convolution's workspace, belongs to neither volume.
    predictor.predict(np.zeros((1, 1, *TILE), np.float32), "labels", Box.of_shape(TILE))
    predicted(predictor, open_image(path), path.with_name(f"{path.stem}-out.zarr"))
    print(peak_bytes() / MIB)


def peak_bytes() -> int:
    """Return the most memory that this process ever had."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    if sys.platform == "linux":
        # Not getrusage: its figure begins with the peak of the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def told_shape(shape: tuple[int, int, int]) -> str:
    """Return a shape as people write it."""
    return " x ".join(map(str, shape))


def page(times: tuple[list[float], list[float], int], peaks: tuple[float, float], mebibytes: int) -> str:
    """Return what was measured as a page."""
    bare, tiled, tiles = times
    rounds = len(bare)
    small, large = peaks
    little, much = (told_shape(shape) for shape in volumes(mebibytes))
    timed, tile = told_shape(TIMED), told_shape(TILE)
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    device = describe(load_predictor(RandomModel((4, 8))).device)
    return f"""# Prediction: what tiling costs

Written by `benchmarks/prediction.py --rounds {rounds} --mebibytes {mebibytes}`. {machine},
torch {torch.__version__}, {device}. Shapes are z, y, x.

**Time.** A 3D U-Net of 16, 32, 64 features over {timed} voxels in {tiles} tiles of {tile}: reading,
preparing, predicting, choosing the class, writing and sealing, against nothing but the network on the same
tiles. By turns in one process; medians of {rounds} rounds, and the ratio is that of the two of a round.

| bare network | from disk to disk | ratio | goal |
|---|---|---|---|
| {median(bare):.2f} s | {median(tiled):.2f} s | {ratio(bare, tiled):.2f} | <= {MOST_TIMES_BARE} |

**Memory.** The peak of a process that predicts a volume from disk to disk, and of another one whose volume
is eight times larger, both with a 3D U-Net of 4, 8 features in tiles of {tile}.

| volume | voxels | peak memory |
|---|---|---|
| {mebibytes} MiB | {little} | {small:.0f} MiB |
| {8 * mebibytes} MiB | {much} | {large:.0f} MiB |
| more | | {large - small:.1f} MiB (goal: <= {MOST_MIB_MORE:.0f} MiB) |
"""


def main() -> int:
    """Measure, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--mebibytes", type=int, default=32, help="of the smaller volume of the two")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak is not None:
        print_peak(chosen.peak)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        small, large = measure_memory(Path(folder), chosen.mebibytes)
        bare, tiled, tiles = measure_time(Path(folder), chosen.rounds)
    text = page((bare, tiled, tiles), (small, large), chosen.mebibytes)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if ratio(bare, tiled) <= MOST_TIMES_BARE and large - small <= MOST_MIB_MORE else 1


if __name__ == "__main__":
    raise SystemExit(main())
