"""A trial of a device where it stands: whether it computes what the CPU computes, how fast, in what memory.

The networks are those that the program plans for serial sections and for isotropic volumes; the images are
made up. So a kind of GPU that nobody has tried is tried in a minute.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cristae.commands.findings import Finding

if TYPE_CHECKING:
    from cristae.models import ModelPackage
    from cristae.prediction import Predictor
    from cristae.prediction.tiling import Tiling
    from cristae.volumes import Image

STEPS = 20
MOST_OF_A_PROBABILITY = 1e-3
LEAST_AGREEMENT = 0.999
MOST_OF_A_LOSS = 0.1
"""Relative: sums in another order drift apart in so many steps, but not further than this."""

_log = logging.getLogger(__name__)
_SHARES = (1 / 16, 1 / 4, 1)


@dataclass(frozen=True)
class _Subject:
    """A kind of data: its name, shapes (z, y, x) to learn from and to cut into tiles, its voxel size."""

    name: str
    shape_zyx: tuple[int, int, int]
    large_zyx: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    blur_zyx: tuple[float, float, float]


_SUBJECTS = (
    _Subject("serial sections", (6, 512, 512), (16, 4096, 4096), (50, 5, 5), (0.5, 9, 9)),
    _Subject("an isotropic volume", (48, 112, 112), (512, 512, 512), (10, 10, 10), (4, 4, 4)),
)


def try_device(name: str, tell: Callable[[str], None]) -> list[Finding]:
    """Try a device.

    Parameters
    ----------
    name
        "cpu", "cuda:0".
    tell
        Gets a sentence before each thing that takes some time.

    Returns
    -------
    list
        Findings; those with the state "problem" mean that results on this device cannot be trusted, or that
        it failed.

    Raises
    ------
    InvalidInput
        The device is not there.
    """
    from cristae.networks.devices import choose_device

    device = str(choose_device(name))
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as home:
        for subject in _SUBJECTS:
            try:
                found += _tried(subject, device, home, tell)
            except Exception as failure:  # whatever it is, it is what is wanted to be known
                _log.exception("The trial of %s on %s failed", subject.name, device)
                why = str(failure).partition("\n")[0][:300]
                told = f"It failed ({type(failure).__name__}): {why}"
                found.append(Finding(subject.name, "problem", told))
    return found


def _tried(subject: _Subject, device: str, home: str, tell: Callable[[str], None]) -> Iterator[Finding]:
    image, labels = _made_up(subject)
    tell(f"Training on {subject.name}: {STEPS} steps on the CPU, and on {device} ...")
    model, seconds = _trained(subject, image, labels, "cpu", home)
    own = model
    if device != "cpu":
        planned = model.record["plan"]["settings"]
        # For a GPU the program plans more, with which the loss is another one.
        same = {name: planned[name] for name in ("batch", "patch_zyx", "levels", "features")}
        own, seconds = _trained(subject, image, labels, device, home, same)
    yield _training_found(subject, own, model, seconds)
    tell(f"Predicting {subject.name} on {device}, and on the CPU ...")
    yield _prediction_found(subject, image, model, device)
    tell(f"Measuring tiles of {subject.name} on {device} ...")
    yield _speed_found(subject, model, device)


def _made_up(subject: _Subject) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image of dark smooth objects in noise, and its labels."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    field = gaussian_filter(random.normal(size=subject.shape_zyx), subject.blur_zyx)
    labels = (field > field.std()).astype(np.uint8)
    image = 150 - 60.0 * labels + random.normal(0, 15, labels.shape)
    return image.clip(1, 255).astype(np.uint8), labels


def _trained(
    subject: _Subject,
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    device: str,
    home: str,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> tuple["ModelPackage", float]:
    """Return a model, trained for some steps in 32 bit, and the seconds that it took."""
    import cristae

    start = time.monotonic()
    model = cristae.train(
        image,
        labels,
        model=f"trial on {device.replace(':', ' ')}",
        steps=STEPS,
        settings={"precision": "float32", "validation": "0", **settings},
        voxel_size_nm=subject.voxel_size_nm,
        device=device,
        home=home,
        on_event=lambda event: None,  # what it tells of a model is not meant for this one
    )
    return model, time.monotonic() - start


def _training_found(subject: _Subject, own: "ModelPackage", model: "ModelPackage", seconds: float) -> Finding:
    losses, expected = ([figures["loss"] for figures in one.record["history"]] for one in (own, model))
    as_on_cpu = abs(losses[-1] - expected[-1]) <= MOST_OF_A_LOSS * expected[-1]
    return Finding(
        f"training on {subject.name}",
        "ok" if as_on_cpu and losses[-1] < losses[0] else "problem",
        f"The loss went from {losses[0]:.3f} to {losses[-1]:.3f} in {STEPS} steps and {seconds:.0f} s; "
        f"on the CPU to {expected[-1]:.3f}.",
    )


def _prediction_found(
    subject: _Subject, image: NDArray[np.uint8], model: "ModelPackage", device: str
) -> Finding:
    """Compare the image in several tiles on the device with the whole image at once on the CPU."""
    from cristae.prediction import load_predictor

    own, other = (load_predictor(model, where, engine="torch") for where in ("cpu", device))
    image, tiles = _in_tiles(subject, image, other)
    labels, shares = (
        (
            _predicted(subject, image, other, kind, tiles.tile_zyx),
            _predicted(subject, image, own, kind, image.shape),
        )
        for kind in ("labels", "probabilities")
    )
    return _compared(subject, len(tiles.tiles), labels, shares)


def _compared(
    subject: _Subject,
    tiles: int,
    labels: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    shares: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> Finding:
    agreement = float((labels[0] == labels[1]).mean())
    difference = int(np.abs(shares[0].astype(int) - shares[1]).max())
    return Finding(
        f"predicting {subject.name}",
        "ok" if agreement >= LEAST_AGREEMENT and difference <= 1 + 255 * MOST_OF_A_PROBABILITY else "problem",
        f"In {tiles} tiles, {100 * agreement:.3f} % of the labels are those of the whole image on the CPU; "
        f"probabilities differ by at most {difference} of 255.",
    )


def _in_tiles(
    subject: _Subject, image: NDArray[np.uint8], predictor: "Predictor"
) -> tuple[NDArray[np.uint8], "Tiling"]:
    """Return the image, repeated until several tiles lie along y and along x, and these tiles."""
    from cristae.prediction.fitting import tiles_of

    while True:
        frame = predictor.frame(_as_image(subject, image))
        halo_zyx, shape_zyx = frame.halo_zyx(predictor.halo_zyx), frame.shape_zyx
        half = [length // 2 + halo for length, halo in zip(shape_zyx, halo_zyx, strict=True)]
        cut = tiles_of(predictor, frame, (shape_zyx[0], half[1], half[2]), None)
        short = [axis for axis in (1, 2) if cut.tile_zyx[axis] >= shape_zyx[axis]]
        if not short:
            return image, cut
        image = np.concatenate([image, np.flip(image, short[0])], axis=short[0])


def _predicted(
    subject: _Subject, image: NDArray[np.uint8], predictor: "Predictor", kind: Any, tile_zyx: Any
) -> NDArray[np.uint8]:
    from cristae.prediction import form_of, predict
    from cristae.prediction.instances import InMemory

    output = InMemory((form_of(predictor.record, kind).channels, *image.shape))
    predict(predictor, _as_image(subject, image), output, kind=kind, tile_shape_zyx=tile_zyx)
    return output.voxels


def _as_image(subject: _Subject, image: NDArray[np.uint8]) -> "Image":
    from cristae.volumes import ArrayImage, VoxelSize

    return ArrayImage(image, VoxelSize(*subject.voxel_size_nm))


def _speed_found(subject: _Subject, model: "ModelPackage", device: str) -> Finding:
    from cristae.prediction import load_predictor
    from cristae.prediction.speed import tile_speed
    from cristae.volumes import ArrayImage

    predictor = load_predictor(model, device, engine="torch")
    frame = predictor.frame(ArrayImage(np.zeros(subject.shape_zyx, np.uint8)))
    told = [str(tile_speed(predictor, frame, subject.large_zyx, share)) for share in _SHARES]
    return Finding(f"speed on {subject.name}", "ok", f"{'; '.join(told)}.")
