"""What the same trained network costs in Cristae, in MONAI's sliding window and in nnU-Net's predictor.

Small networks are trained by Cristae, in 2D and in 3D; then a larger image is predicted by each program, by
turns in one process, with one thread each:

- Cristae from the grey values to the labels, by torch and by OpenVINO, in the tiles that it chooses;
- MONAI's ``sliding_window_inference`` with an overlap of a half and Gaussian weights, its window the patch of
  the training, and the most likely class of what it returns;
- nnU-Net's ``predict_sliding_window_return_logits`` at its defaults: steps of half a patch, Gaussian weights,
  mirror images along all axes; and the most likely class.

The others get the image normalised beforehand, and untimed. Each round gives ratios of what ran right after
each other, and the median of the rounds counts. All labels are compared with those of the network on the
whole image at once. How far anything in 32 bits can get on the machine is told by matrix products: the time
of as many operations as the network does for each voxel once.

MONAI and nnU-Net are installed from the net into build/neighbours, an environment over this one, with the
same torch; only when that is asked for, so that ``make bench`` skips it before:

    python benchmarks/neighbours.py --install [--rounds 3] [--steps 40]
"""

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from types import SimpleNamespace

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

import cristae
from cristae.geometry import Box
from cristae.models import ModelPackage
from cristae.networks import build
from cristae.prediction import load_predictor, predict
from cristae.prediction.instances import InMemory
from cristae.volumes import ArrayImage
from step import SUBJECTS, Subject, data

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "benchmarks" / "neighbours.md"
NEEDED = ("monai==1.6.1", "nnunetv2==2.8.1")
MONAI, NNUNET = "MONAI, overlap 0.5, Gaussian", "nnU-Net at its defaults"
PRODUCTS = "(as many operations in matrix products)"
SIDE = 2048
"""Rows and columns of the matrices that are multiplied."""
OURS = {"torch": "Cristae, torch", "openvino": "Cristae, OpenVINO"}
MOST_OF_MONAI = {OURS["torch"]: 0.40, OURS["openvino"]: 0.15}
MOST_OF_NNUNET = 0.07
LEAST_AGREEMENT = 0.999
PREDICTED = {"sections": (4, 1024, 1024), "volume": (160, 160, 160)}
SETTINGS = {
    "sections": {"downsample_zyx": "1,1,1", "patch_zyx": "1,256,256", "batch": "2"},
    "volume": {"downsample_zyx": "1,1,1", "patch_zyx": "64,64,64", "batch": "1"},
}
"""The image is not resampled, so that the others can be given what our network is given."""

type Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Measured:
    """Seconds of each way, round by round, and the share of voxels that get the label of the whole image."""

    subject: Subject
    told: str
    seconds: dict[str, list[float]]
    agreement: dict[str, float]

    def ratio(self, way: str, other: str) -> float:
        """Return the time of one way as a part of that of another."""
        rounds = zip(self.seconds[way], self.seconds[other], strict=True)
        return median(one / two for one, two in rounds)

    @property
    def is_reached(self) -> bool:
        """Whether all goals are."""
        return (
            all(self.ratio(way, MONAI) <= most for way, most in MOST_OF_MONAI.items())
            and all(self.ratio(way, NNUNET) <= MOST_OF_NNUNET for way in OURS.values())
            and all(self.agreement[way] >= LEAST_AGREEMENT for way in OURS.values())
        )


def trained(subject: Subject, steps: int, home: Path) -> ModelPackage:
    """Train a network on smooth objects in noise."""
    image, labels = data(subject)
    size = subject.voxel_size
    return cristae.train(
        image,
        labels,
        model=subject.name,
        steps=steps,
        voxel_size_nm=(size.z_nm, size.y_nm, size.x_nm),
        settings=SETTINGS[subject.name],
        device="cpu",
        home=home,
    )


def image_of(subject: Subject) -> ArrayImage:
    """Return what is predicted: the training's image, repeated or cut."""
    pattern, shape = data(subject)[0], PREDICTED[subject.name]
    times = [-(-whole // side) for whole, side in zip(shape, pattern.shape, strict=True)]
    return ArrayImage(np.tile(pattern, times)[tuple(map(slice, shape))], subject.voxel_size)


def ours(model: ModelPackage, image: ArrayImage, engine: str) -> Callable[[], Labels]:
    """Return what predicts with Cristae."""
    predictor = load_predictor(model, "cpu", engine=engine)

    def work() -> Labels:
        output = InMemory((1, *image.shape_czyx[1:]))
        predict(predictor, image, output)
        return output.voxels[0]

    return work


def monai(network: torch.nn.Module, prepared: torch.Tensor, patch: tuple[int, ...]) -> Callable[[], Labels]:
    """Return what predicts with MONAI; `prepared` is (n, c, [z,] y, x)."""
    from monai.inferers import sliding_window_inference

    def work() -> Labels:
        with torch.inference_mode():
            logits = sliding_window_inference(prepared, patch, 1, network, overlap=0.5, mode="gaussian")
            return spatial(logits.argmax(dim=1).to(torch.uint8))

    return work


def nnunet(network: torch.nn.Module, prepared: torch.Tensor, patch: tuple[int, ...]) -> Callable[[], Labels]:
    """Return what predicts with nnU-Net, which takes sections one by one."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.network = network
    predictor.allowed_mirroring_axes = tuple(range(len(patch)))
    predictor.configuration_manager = SimpleNamespace(patch_size=patch)
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=2)
    image = prepared.transpose(0, 1) if len(patch) == 2 else prepared[0]

    def work() -> Labels:
        logits = predictor.predict_sliding_window_return_logits(image)
        return spatial(logits.argmax(dim=0, keepdim=True).to(torch.uint8))

    return work


def products_s(operations: int) -> float:
    """Return how long so many operations take in matrix products, from one product of a second or less."""
    left, right = torch.rand(2, SIDE, SIDE)
    start_s = time.perf_counter()
    torch.mm(left, right)
    return (time.perf_counter() - start_s) * operations / (2 * SIDE**3)


def spatial(labels: torch.Tensor) -> Labels:
    """Return (1, z, y, x) or (z, y, x) as (z, y, x)."""
    voxels: Labels = labels.numpy()
    return voxels[0] if voxels.ndim == 4 else voxels


def measure(subject: Subject, rounds: int, steps: int, home: Path) -> Measured:
    """Measure all ways by turns, and compare what they find."""
    model = trained(subject, steps, home)
    image = image_of(subject)
    network = build(model.record["network"]).eval()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in model.weights().items()})
    frame = load_predictor(model, "cpu", engine="torch").frame(image)
    prepared = torch.from_numpy(frame.read(Box.of_shape(image.shape_czyx[1:])))
    dims = network.config.dims
    patch = tuple(map(int, SETTINGS[subject.name]["patch_zyx"].split(",")))[-dims:]
    ways = {
        **{name: ours(model, image, engine) for engine, name in OURS.items()},
        MONAI: monai(network, prepared, patch),
        NNUNET: nnunet(network, prepared, patch),
    }
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        # Sections one by one: all at once would need the memory of a large machine.
        whole = spatial(torch.cat([network(one[None]).argmax(dim=1).to(torch.uint8) for one in prepared]))
    for name in OURS.values():
        ways[name]()  # OpenVINO compiles the network for the tile that is chosen
    seconds: dict[str, list[float]] = {name: [] for name in (*ways, PRODUCTS)}
    agreement = {}
    for number in range(rounds):
        for name, work in ways.items():
            start_s = time.perf_counter()
            labels = work()
            seconds[name].append(time.perf_counter() - start_s)
            agreement[name] = float(np.mean(labels == whole))
            print(f"{subject.name}, round {number + 1}: {name} {seconds[name][-1]:.2f} s", flush=True)
            if name == MONAI:  # right after what it is compared with
                seconds[PRODUCTS].append(median(products_s(counter.get_total_flops()) for _ in range(5)))
    features = ", ".join(map(str, network.config.features))
    shape, window = (" x ".join(map(str, sides)) for sides in (PREDICTED[subject.name], patch))
    share = float(np.mean(whole > 0))
    told = f"{dims}D, {features} features, {shape} voxels, {share:.0%} of them objects, window {window}"
    return Measured(subject, told, seconds, agreement)


def table(measured: Measured) -> str:
    """Return what was measured of one network."""
    rows = "\n".join(
        f"| {way} | {median(took):.2f} s | {measured.ratio(way, MONAI):.3f} "
        f"| {measured.ratio(way, NNUNET):.3f} | {agreement(measured, way)} |"
        for way, took in measured.seconds.items()
    )
    return f"""**{measured.subject.name.capitalize()}** ({measured.told}).

| way | time | of MONAI's | of nnU-Net's | labels as of the whole image |
|---|---|---|---|---|
{rows}
"""


def agreement(measured: Measured, way: str) -> str:
    """Return the share of voxels with the label of the whole image, if the way finds labels."""
    return f"{measured.agreement[way]:.4%}" if way in measured.agreement else ""


def page(measured: list[Measured], rounds: int, steps: int) -> str:
    """Return what was measured as a page."""
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    tables = "\n".join(map(table, measured))
    programs = ", ".join(f"{name} {version(name)}" for name in ("torch", "openvino", "monai", "nnunetv2"))
    return f"""# Neighbours: the same network in Cristae, MONAI and nnU-Net

Written by `benchmarks/neighbours.py --rounds {rounds} --steps {steps}`. {machine},
{programs}; one thread. Shapes are z, y, x.

The networks are those that Cristae plans for sections and volumes, trained for {steps} steps on smooth
objects in noise. Cristae goes from grey values to labels; the others get the image normalised, and their time
ends with the most likely class, too. Their window is the patch of the training. By turns in one process;
medians of {rounds} rounds, and a ratio is that of the two of a round. The last column: how many voxels get
the label that the network gives them when it sees the whole image at once; nnU-Net's mean over mirror images
finds others by intention. The last row: the time of matrix products of {SIDE} rows and columns with as many
operations as the network does on the whole image; whoever computes each voxel once, in 32 bits, on this
machine is hardly quicker.

The goals: of MONAI's time at most {MOST_OF_MONAI[OURS["torch"]]:.2f} by torch and \
{MOST_OF_MONAI[OURS["openvino"]]:.2f} by OpenVINO, of nnU-Net's at most {MOST_OF_NNUNET}, and
{LEAST_AGREEMENT:.1%} of the labels.

{tables}"""


def environment_over_this() -> Path:
    """Return the Python of an environment that has the others besides; made the first time."""
    place = ROOT / "build" / "neighbours"
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (place / "ready").exists():
        print(f"Installing {' and '.join(NEEDED)} into {place} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        told = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout
        below = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (Path(told.strip()) / "below.pth").write_text(below)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDED], check=True)
        (place / "ready").touch()
    return python


def main() -> int:
    """Measure, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40, help="of the trainings")
    parser.add_argument("--install", action="store_true", help="MONAI and nnU-Net, several GB, if need be")
    chosen = parser.parse_args()
    if find_spec("monai") is None:
        if not (chosen.install or (ROOT / "build" / "neighbours" / "ready").exists()):
            print("neighbours: skipped, because MONAI and nnU-Net are not installed. Give --install.")
            return 0
        return subprocess.run([environment_over_this(), __file__, *sys.argv[1:]]).returncode
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        measured = [measure(subject, chosen.rounds, chosen.steps, Path(home)) for subject in SUBJECTS]
    text = page(measured, chosen.rounds, chosen.steps)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if all(one.is_reached for one in measured) else 1


if __name__ == "__main__":
    raise SystemExit(main())
