"""What a GPU makes of Cristae: predictions from disk to disk in tiles of three sizes, and training steps.

Networks and tiles are those that the program plans for serial sections and for isotropic volumes; the
networks are trained for some steps. For every precision and tile size: the bare network on one tile whose
input lies ready on the device; then a volume from an OME-Zarr on disk to an OME-Zarr on disk, how large a
share of that time the network computed, and the most memory that it took. Labels of all precisions are
compared with those of the CPU.

    python benchmarks/gpu.py [--device cuda:0] [--rounds 3] [--side 512]
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from cristae.computing import prepare_to_train

prepare_to_train()  # as commands and workers do, before torch is loaded

import numpy as np
import torch
from numpy.typing import NDArray

import cristae
from cristae.geometry import grid
from cristae.models import ModelPackage
from cristae.networks.devices import choose_device, describe
from cristae.prediction import Predictor, load_predictor, predict
from cristae.prediction.devices import reading_of, voxels_at_once
from cristae.prediction.tiling import tiling
from cristae.volumes import ArrayImage, Image, create_output, open_image
from step import SUBJECTS, Subject, data
from step import measure as measure_step

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "gpu.md"
SHARES = (1 / 16, 1 / 4, 1)
"""Of the voxels that the program takes at once."""
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Row:
    """One precision and tile size: seconds of a tile by itself and of the volume, the most memory."""

    subject: str
    precision: str
    tile_zyx: tuple[int, int, int]
    halo_zyx: tuple[int, int, int]
    tiles: int
    bare_tile_s: float
    whole_s: float
    computing_s: float
    voxels: int
    memory_bytes: int


@contextmanager
def in_precision(predictor: Predictor, precision: str) -> Iterator[list[tuple[Any, Any]]]:
    """Compute in a precision within; yields a list that gets two events around every tile's network."""
    engine, events = predictor.engine, []

    def timed(x: torch.Tensor) -> torch.Tensor:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = engine(x)
        end.record()
        events.append((start, end))
        return logits

    predictor._torch = predictor.engine = timed
    timed.name = "torch"
    try:
        yield events
    finally:
        predictor._torch = predictor.engine = engine


def volume(subject: Subject, side: int, path: Path) -> Image:
    """Write an image, slab by slab, and open it."""
    pattern = data(subject)[0]
    shape = (side // 8, 4 * side, 4 * side) if subject.name == "sections" else (side, side, side)
    times = [-(-whole // own) for whole, own in zip(shape[1:], pattern.shape[1:], strict=True)]
    output = create_output(path, (1, *shape), "uint8")
    for box in grid(shape, (16, *shape[1:])):
        slab = pattern[np.arange(box.start[0], box.stop[0]) % len(pattern)]
        output.write(box, np.tile(slab, (1, *times))[:, : shape[1], : shape[2]])
    output.seal()
    return open_image(path)


def measure(
    subject: Subject, model: ModelPackage, device: str, rounds: int, side: int, folder: Path
) -> Iterator[Row]:
    """Measure all precisions and tile sizes."""
    predictor = load_predictor(model, device)
    image = volume(subject, side, folder / f"{subject.name}.zarr")
    frame = predictor.frame(image)
    shape = image.shape_czyx[1:]
    most = voxels_at_once(predictor.config, predictor.device) * int(
        np.prod(frame.preprocessing.downsample_zyx)
    )
    halo = frame.halo_zyx(predictor.halo_zyx)
    for share in SHARES:
        cut = tiling(
            frame.shape_zyx,
            frame.step_zyx,
            halo,
            most_voxels=int(share * most),
            reading=reading_of(frame.preprocessing, predictor.device),
        )
        for precision in PRECISIONS:
            with in_precision(predictor, precision) as events:
                given = torch.from_numpy(predictor.blank(cut.tile_zyx)).to(predictor.device)
                bare = []
                with torch.inference_mode():
                    for _ in range(2 + rounds):
                        torch.cuda.synchronize()
                        start = time.perf_counter()
                        predictor.engine(given)
                        torch.cuda.synchronize()
                        bare.append(time.perf_counter() - start)
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                whole, computing = [], []
                for _ in range(rounds):
                    output = create_output(folder / "out.zarr", (1, *shape), "uint8", overwrite=True)
                    events.clear()
                    start = time.perf_counter()
                    predict(predictor, image, output, tile_shape_zyx=cut.tile_zyx)
                    output.seal()
                    whole.append(time.perf_counter() - start)
                    torch.cuda.synchronize()
                    computing.append(sum(a.elapsed_time(b) for a, b in events) / 1e3)
                row = Row(
                    subject.name, precision, cut.tile_zyx, halo, len(cut.tiles), median(bare[2:]),
                    median(whole), median(computing), int(np.prod(shape)), torch.cuda.max_memory_allocated(),
                )  # fmt: skip
                print(row, flush=True)
                yield row


def agreement(subject: Subject, model: ModelPackage, device: str) -> dict[str, float]:
    """Return the share of the labels that a precision and the CPU have in common."""
    image = ArrayImage(data(subject)[0], subject.voxel_size)

    def labels(predictor: Predictor) -> NDArray[np.uint8]:
        frame = predictor.frame(image)
        cut = tiling(frame.shape_zyx, frame.step_zyx, (0, 0, 0), most_voxels=1 << 40)
        tile = cut.tiles[0]
        return predictor.predict(frame.read(tile.read_box), "labels", tile.write_in_read)

    true = labels(load_predictor(model, "cpu", engine="torch"))
    predictor = load_predictor(model, device)
    shares = {}
    for precision in PRECISIONS:
        with in_precision(predictor, precision):
            shares[precision] = float((labels(predictor) == true).mean())
    return shares


def page(
    rows: list[Row],
    agreements: dict[str, dict[str, float]],
    steps: list[Any],
    device: Any,
    rounds: int,
    side: int,
) -> str:
    """Return what was measured as a page."""

    def told(shape: tuple[int, int, int]) -> str:
        return " x ".join(map(str, shape))

    lines = "\n".join(
        f"| {r.subject} | {r.precision} | {told(r.tile_zyx)} | {r.tiles} | {r.bare_tile_s * 1e3:.1f} "
        f"| {np.prod(r.tile_zyx) / r.bare_tile_s / 1e6:.0f} | {r.whole_s:.2f} "
        f"| {r.voxels / r.whole_s / 1e6:.0f} | {r.computing_s / r.whole_s:.0%} "
        f"| {r.memory_bytes / 2**30:.1f} |"
        for r in rows
    )
    equal = "\n".join(
        f"| {name} | {precision} | {100 * share:.4f} % |"
        for name, shares in agreements.items()
        for precision, share in shares.items()
    )
    trained = "\n".join(
        f"| {m.subject.name} ({m.told}) | {m.bare_s * 1e3:.1f} | {m.plain_s * 1e3:.1f} | {m.all_s * 1e3:.1f} "
        f"| {m.ratio:.2f} | {m.reading_s / 2 * 1e3:.1f} | {m.variants_s * 1e3:.1f} |"
        for m in steps
    )
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    return f"""# A GPU: {torch.cuda.get_device_name(device)}

Written by `benchmarks/gpu.py --rounds {rounds} --side {side}`. {machine}, torch {torch.__version__},
{describe(device)}. Shapes are z, y, x.

**Prediction.** *Bare* is the network on one tile that lies ready on the device. *Disk to disk* is a whole
volume, OME-Zarr to OME-Zarr, sealed; *busy* the share of that time in which the GPU computed the network;
*memory* the most that the tensors took. Medians of {rounds} rounds; millions of voxels a second (Mvox/s) are
those of the tile with its halo, and those of the volume.

| data | precision | tile | tiles | bare, ms | Mvox/s | disk to disk, s | Mvox/s | busy | memory, GiB |
|---|---|---|---|---|---|---|---|---|---|
{lines}

**The same labels?** The share of the labels that are those of the CPU.

| data | precision | equal |
|---|---|---|
{equal}

**Training.** Milliseconds of a step, as in [step.md](step.md); *all* with every group of variants at `full`.

| data (network) | bare | plain | all | all / bare | of it reading | variants |
|---|---|---|---|---|---|---|
{trained}
"""


def main() -> int:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, default=512, help="of the volume, voxels")
    chosen = parser.parse_args()
    device = choose_device(chosen.device)
    if device.type != "cuda":
        print("gpu: skipped, there is no GPU here.")
        return 0
    rows, agreements, steps = [], {}, []
    with tempfile.TemporaryDirectory() as folder:
        for subject in SUBJECTS:
            image, labels = data(subject)
            size = subject.voxel_size
            model = cristae.train(
                image, labels, model=subject.name, steps=100, voxel_size_nm=(size.z_nm, size.y_nm, size.x_nm),
                device=chosen.device, home=Path(folder),
            )  # fmt: skip
            print(model.record["plan"]["sentences"], model.record["training"], flush=True)
            agreements[subject.name] = agreement(subject, model, chosen.device)
            print(agreements, flush=True)
            rows += list(measure(subject, model, chosen.device, chosen.rounds, chosen.side, Path(folder)))
            for precision in ("float32", "bfloat16"):
                steps.append(measure_step(subject, precision, 4, 20, Path(folder) / precision))
    text = page(rows, agreements, steps, device, chosen.rounds, chosen.side)
    print(text)
    REPORT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
