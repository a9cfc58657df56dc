"""The demonstration: learn the left part of a bundled FIB-SEM sample, segment its right, and look.

The sample is ``examples/gala`` (fly brain, 10 nm voxels, every neuron labelled; its licence is beside it).
The macro ``examples/demo.ijm``, which ``make demo`` runs in ImageJ, cuts the same two parts.
"""

import colorsys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypedDict

import numpy as np
import tifffile
from numpy.typing import NDArray

from cristae.errors import NotFound
from cristae.events import Event


class Follow(TypedDict):
    """What training and prediction both want to know."""

    home: Path
    on_event: Callable[[Event], None]
    should_stop: Callable[[], bool]


type Objects = NDArray[np.unsignedinteger]

LEARN = slice(0, 120)
"""Columns (x) that the model learns from; the ten behind them stay unused, so that the parts do not touch."""
HELD_OUT = slice(130, 200)
"""Columns (x) that the model has never seen."""
BOUNDARIES, NEURONS = "right-boundaries.tif", "right-neurons.tif"
CAPTIONS = ("image", "by a person", "by Cristae")


def sample_folder() -> Path:
    """Tell where the sample lies: inside an installed package, or beside it in a checkout.

    Raises
    ------
    NotFound
        If the package was installed without it.

    Examples
    --------
    >>> sorted(file.name for file in sample_folder().glob("*.tif"))
    ['neurons.tif', 'raw.tif']
    """
    here = Path(__file__).parent
    for folder in (here / "sample", *(parent / "examples" / "gala" for parent in here.parents[2:3])):
        if (folder / "raw.tif").is_file():
            return folder
    raise NotFound(
        "the sample is not installed: expected raw.tif and neurons.tif in the package; install cristae again."
    )


def cut_sample(columns: slice, folder: Path) -> tuple[Path, Path]:
    """Write some columns of the sample as ``raw.tif`` and ``neurons.tif`` into a folder, calibration kept."""
    folder.mkdir(parents=True, exist_ok=True)
    raw, neurons = folder / "raw.tif", folder / "neurons.tif"
    for path in (raw, neurons):
        made = BytesIO()
        tifffile.imwrite(
            made,
            tifffile.imread(sample_folder() / path.name)[:, :, columns],
            imagej=True,
            resolution=(0.1, 0.1),
            metadata={"axes": "ZYX", "spacing": 10.0, "unit": "nm"},
        )
        # A file that was written anew is another one to a training that wants to go on.
        if not path.is_file() or path.read_bytes() != made.getvalue():
            path.write_bytes(made.getvalue())
    return raw, neurons


def run(
    folder: Path,
    *,
    minutes: float,
    home: Path | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train, segment and score without Fiji, through the same rooms that the server uses.

    Parameters
    ----------
    folder
        Where the parts of the sample, the labels and the picture are written.
    minutes
        How long to train; 3 gives a good result on two CPU cores.
    home
        Gets the model; default: ``home`` in the folder.
    on_event
        Gets the plan, progress and notes.
    should_stop
        Asked between steps; True ends it.
    """
    from cristae import door

    follow: Follow = {"home": home or folder / "home", "on_event": on_event, "should_stop": should_stop}
    raw, neurons = cut_sample(LEARN, folder / "learn")
    unseen, truth = cut_sample(HELD_OUT, folder / "held-out")
    print(
        f"Training on the left part of {sample_folder() / 'raw.tif'} for {minutes:g} minutes ...", flush=True
    )
    door.train(raw, neurons, model="neurons", target="instances", minutes=minutes, **follow)
    print("Segmenting the right part, which the model has not seen ...", flush=True)
    door.predict(unseen, folder / BOUNDARIES, model="neurons", kind="labels", overwrite=True, **follow)
    door.predict(unseen, folder / NEURONS, model="neurons", overwrite=True, **follow)
    report(unseen, truth, folder)


def report(raw: Path, truth: Path, folder: Path) -> None:
    """Score what was found in a folder against the truth, draw the picture there, and print both.

    The boundary Dice is that of the boundary voxels which the network found, against those where two true
    neurons touch; the adapted Rand error is that of the neurons which were made of them.
    """
    from cristae import door
    from cristae.labels import boundary_classes

    labels, picture, true = folder / NEURONS, folder / "demo.png", tifffile.imread(truth)
    voxels = door.evaluate(tifffile.imread(folder / BOUNDARIES), boundary_classes(true, None))
    objects = door.evaluate(labels, truth, target="instances")
    write_picture(tifffile.imread(raw), true, tifffile.imread(labels), picture)
    print(f"boundary Dice {voxels['classes']['2']['dice']:.3f}")
    print(f"adapted Rand error {objects['adapted_rand_error']:.3f}")
    print(f"labels  {labels}")
    print(f"picture {picture}", flush=True)


def write_picture(
    raw: NDArray[np.uint8],
    truth: Objects,
    labels: Objects,
    path: Path,
) -> None:
    """Draw the middle section, side by side: the image, the objects of a person and those of the model.

    Parameters
    ----------
    raw, truth, labels
        (z, y, x), of one shape; voxels of 10 nm. An object of the model has the colour of the person's object
        that it covers best.
    path
        The PNG to write.
    """
    from PIL import Image, ImageDraw, ImageFont

    middle = raw.shape[0] // 2
    grey = raw[middle]
    true, found = _numbered_alike(truth[middle], labels[middle])
    scale, gap, top, bottom = 4, 12, 40, 34
    height, width = (scale * length for length in grey.shape)
    size = (width, height)
    page = Image.new("RGB", (3 * width + 4 * gap, top + height + bottom), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(18)
    background = Image.fromarray(_stretched(grey)).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    for index, objects in enumerate((None, true, found)):
        left = gap + index * (width + gap)
        panel = background
        if objects is not None:
            colours = Image.fromarray(_coloured(objects)).resize(size, Image.Resampling.NEAREST)
            panel = Image.blend(background, colours, 0.55)
        page.paste(panel, (left, top))
        draw.text((left + width // 2, top // 2), CAPTIONS[index], "black", font, anchor="mm")
    bar = 20 * scale  # 20 voxels of 10 nm
    draw.rectangle((gap, top + height + 14, gap + bar, top + height + 19), "black")
    draw.text((gap + bar + 10, top + height + 17), "200 nm", "black", ImageFont.load_default(15), anchor="lm")
    page.save(path, optimize=True)


def _stretched(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Spread the grey values so that one voxel in a hundred is black and one is white."""
    low, high = np.percentile(grey, (1, 99))
    spread: NDArray[np.uint8] = np.clip((grey - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    return spread


def _coloured(objects: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Give every id a colour far from those of its neighbours in number; 0 is black."""
    ids = range(1, int(objects.max()) + 1)
    table = [
        (0.0, 0.0, 0.0),
        *(colorsys.hsv_to_rgb(id_ * 0.618034 % 1, 0.55 + 0.2 * (id_ % 3), 1.0) for id_ in ids),
    ]
    painted: NDArray[np.uint8] = (255 * np.array(table)).astype(np.uint8)[objects]
    return painted


def _numbered_alike(truth: Objects, found: Objects) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Renumber both 1...n, so that a found object has the number of the true one that it covers best.

    Examples
    --------
    >>> true, found = _numbered_alike(np.array([[0, 40, 40, 7]]), np.array([[3, 9, 9, 5]]))
    >>> true.tolist(), found.tolist()
    ([[0, 2, 2, 1]], [[3, 2, 2, 1]])
    """
    true_ids = np.union1d(truth, 0)
    true = np.searchsorted(true_ids, truth)
    pairs, counts = np.unique(np.stack([found.ravel(), true.ravel()]), axis=1, return_counts=True)
    number = {0: 0}
    for index in np.argsort(-counts, kind="stable"):
        found_id, true_number = pairs[:, index].tolist()
        if found_id not in number and true_number not in number.values():
            number[found_id] = true_number
    found_ids, inverse = np.unique(found, return_inverse=True)
    for found_id in found_ids.tolist():
        number.setdefault(found_id, max(len(true_ids) - 1, *number.values()) + 1)
    return true, np.array([number[id_] for id_ in found_ids.tolist()], dtype=np.intp)[inverse].reshape(
        found.shape
    )
