"""How quickly probabilities become objects, beside the usual libraries, and how much memory that takes.

A volume of wriggling tubes that touch, with noise, as a network might see it. By turns, in this process:
the fragments of a watershed with the distances before it, by scikit-image and SciPy and as Cristae makes
them; and connected components by cc3d in memory, and as Cristae finds them in blocks, with the numbers on
disk. The peak memory of the components is measured in a process of its own each. And the volume decoded
whole and in eight other ways: how far the objects differ.

    python benchmarks/objects.py [--side 256] [--rounds 3]
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cc3d
import numpy as np
import psutil
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import morphology, segmentation

from cristae.evaluation import evaluate_instances
from cristae.geometry.box import grid
from cristae.labels import boundary_classes
from cristae.labels.objects import WALL, fragments_from
from cristae.prediction.decoders import Boundaries, Pieces
from cristae.prediction.decoding import blocks_of, decode
from cristae.prediction.fragments import Desk, NumbersInMemory
from cristae.volumes import ArrayImage
from cristae.volumes.scratch import ScratchVolume

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "objects.md"
WATERSHED_GOAL, COMPONENTS_GOAL, MEMORY_GOAL, VI_GOAL = 0.35, 2.5, 0.25, 0.02
OUT_OF_CORE = 2**18
"""Voxels of a block, so that a small volume has many."""


def tubes(side: int, seed: int = 0) -> NDArray[np.uint32]:
    """Return ids of tubes that fill a cube: each voxel belongs to the nearest of some random walks."""
    generator = np.random.default_rng(seed)
    places, owners = [], []
    for number in range(side // 4):
        place, step = generator.uniform(0, side, 3), generator.normal(size=3)
        for _ in range(2 * side):
            step += generator.normal(scale=0.3, size=3)
            step /= np.linalg.norm(step)
            place = np.clip(place + 2 * step, 0, side - 1)
            places.append(place)
            owners.append(number + 1)
    tree, axis = cKDTree(np.array(places)), np.arange(side)
    ids = np.empty((side,) * 3, np.uint32)
    for z in range(side):
        points = np.stack(np.meshgrid([z], axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        ids[z] = np.array(owners, np.uint32)[tree.query(points, workers=-1)[1]].reshape(side, side)
    return ids


def seen(ids: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return what a network might say: background, interior and boundary, 0 to 255."""
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=ids.shape).astype(np.float32), 1)
    wall = ndimage.gaussian_filter((boundary_classes(ids, None) == 2).astype(np.float32), 0.7)
    boundary = np.clip(wall + 0.5 * noise, 0, 1)
    return (np.stack([np.zeros_like(boundary), 1 - boundary, boundary]) * 255).astype(np.uint8)


def by_scikit_image(interior: NDArray[np.float32], boundary: NDArray[np.float32]) -> int:
    """Return how many fragments the usual libraries find in the same way."""
    mask = interior + boundary > 0.5
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask & (boundary < WALL)), 1)
    tops = morphology.local_maxima(np.where(mask & (boundary < WALL), depth, -1), connectivity=3)
    seeds, _ = ndimage.label(tops, np.ones((3, 3, 3)))
    return int(segmentation.watershed(boundary - 1e-3 * depth / depth.max(), seeds, mask=mask).max())


def in_blocks(classes: NDArray[np.uint8]) -> int:
    """Return how many pieces Cristae finds, with the numbers on disk, every id read once."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = ScratchVolume(Path(folder) / "numbers", classes.shape)  # type: ignore[arg-type]
        blocks = blocks_of(classes.shape, scratch.block_zyx, OUT_OF_CORE)
        found = decode(Desk(ArrayImage(classes), Pieces(), scratch), blocks)
        return max(int(ids.max()) for _, ids in found.read())


def in_memory(classes: NDArray[np.uint8]) -> int:
    """Return how many pieces cc3d finds."""
    return int(cc3d.connected_components(classes, connectivity=6).max())


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_mib(way: str, voxels: Path) -> float:
    """Return how much memory a way takes at most beyond its input, in MiB, in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--voxels", str(voxels)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measured_here(way: str, voxels: Path) -> None:
    """Print the peak of this process above what it has once the input is there."""
    classes = np.load(voxels)
    small = np.zeros((8, 8, 8), np.uint8)
    work = in_blocks if way == "blocks" else in_memory
    work(small)  # what libraries take once
    process = psutil.Process()
    before = most = process.memory_info().rss
    thread = threading.Thread(target=work, args=(classes,))
    thread.start()
    while thread.is_alive():
        most = max(most, process.memory_info().rss)
        thread.join(0.001)
    print((most - before) / 2**20)


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--voxels", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        measured_here(chosen.way, chosen.voxels)
        return 0
    truth = tubes(chosen.side)
    said = seen(truth)
    interior, boundary = (said[channel] / np.float32(255) for channel in (1, 2))
    classes = (truth % 3 > 0).astype(np.uint8)
    seconds: dict[str, list[float]] = {"skimage": [], "fragments": [], "cc3d": [], "blocks": []}
    for _ in range(chosen.rounds):
        seconds["skimage"].append(timed(lambda: by_scikit_image(interior, boundary)))
        seconds["fragments"].append(timed(lambda: fragments_from(interior, boundary, None)))
        seconds["cc3d"].append(timed(lambda: in_memory(classes)))
        seconds["blocks"].append(timed(lambda: in_blocks(classes)))
    middle = {name: median(values) for name, values in seconds.items()}
    with tempfile.TemporaryDirectory() as folder:
        voxels = Path(folder) / "classes.npy"
        np.save(voxels, classes)
        mib = {way: peak_mib(way, voxels) for way in ("memory", "blocks")}
    vi, counts = _layouts(said)
    ratios = (
        middle["fragments"] / middle["skimage"],
        middle["blocks"] / middle["cc3d"],
        mib["blocks"] / max(1.0, mib["memory"]),
    )
    REPORT.write_text(_page(chosen, middle, mib, ratios, vi, counts), encoding="utf-8")
    print(REPORT.read_text(encoding="utf-8"))
    goals = (WATERSHED_GOAL, COMPONENTS_GOAL, MEMORY_GOAL)
    return int(any(ratio > goal for ratio, goal in zip(ratios, goals, strict=True)) or max(vi) > VI_GOAL)


def _layouts(said: NDArray[np.uint8]) -> tuple[list[float], list[int]]:
    """Return how far eight ways to cut the volume change the objects, in bits, and how many there are."""
    shape, image = said.shape[1:], ArrayImage(said)
    decoder = Boundaries(None)

    def found(block: tuple[int, ...]) -> NDArray[np.uint32]:
        desk = Desk(image, decoder, NumbersInMemory(shape))
        return decode(desk, tuple(grid(shape, block))).to_array()

    whole = found(shape)
    side = shape[0]
    half, third = side // 2, side // 3 + 1
    ways = [
        (half, half, half), (half, side, side), (side, half, side), (side, side, half),
        (third, third, third), (side, third, third), (third, side, half), (side - 40, side - 55, side - 33),
    ]  # fmt: skip
    vi, counts = [], [int(whole.max())]
    for way in ways:
        cut = found(way)
        vi.append(evaluate_instances(cut, whole)["vi"])
        counts.append(int(cut.max()))
    return vi, counts


def _page(
    chosen: argparse.Namespace,
    middle: dict[str, float],
    mib: dict[str, float],
    ratios: tuple[float, float, float],
    vi: list[float],
    counts: list[int],
) -> str:
    rows = [
        ("fragments: distances, seeds, watershed", "scikit-image and SciPy", "skimage", "fragments", 0),
        ("connected pieces", "cc3d in memory", "cc3d", "blocks", 1),
    ]
    goals = (WATERSHED_GOAL, COMPONENTS_GOAL, MEMORY_GOAL)
    lines = [
        f"| {what} | {other} {middle[theirs]:.2f} s | {middle[ours]:.2f} s | {ratios[n]:.2f} | {goals[n]} |"
        for what, other, theirs, ours, n in rows
    ]
    lines.append(
        f"| memory of the pieces | cc3d {mib['memory']:.0f} MiB | {mib['blocks']:.0f} MiB | "
        f"{ratios[2]:.2f} | {MEMORY_GOAL} |"
    )
    return f"""# From probabilities to objects

Written by `benchmarks/objects.py --side {chosen.side} --rounds {chosen.rounds}`. {platform.system()}, Python
{platform.python_version()}. A cube of {chosen.side} voxels a side, full of wriggling tubes; by turns,
medians. Pieces are found in blocks of {OUT_OF_CORE:,} voxels, whose numbers lie compressed on disk; memory is
the peak beyond the input.

| what | other | Cristae | ratio | goal |
|---|---|---|---|---|
{chr(10).join(lines)}

Cut in eight ways, the objects differ from those of the uncut volume by a variation of information of
{", ".join(f"{value:.4f}" for value in vi)} bits (goal: at most {VI_GOAL}). There are
{", ".join(map(str, counts[1:]))} of them, and {counts[0]} uncut.
"""


if __name__ == "__main__":
    sys.exit(main())
