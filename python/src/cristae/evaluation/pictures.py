"""Pictures for a report: places side by side, and curves, as PNG."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from cristae.evaluation.comparing import Compared, Comparison
from cristae.evaluation.worst import Place
from cristae.labels.colours import colours
from cristae.volumes import Image, LabelClass

type Picture = npt.NDArray[np.uint8]

MISSED, ADDED, OTHER = (86, 180, 233), (230, 159, 0), (204, 121, 167)
"""Blue: in the truth only; orange: in the prediction only; purple: another class or object. Colour-blind
people tell them apart (Okabe and Ito)."""
_UNKNOWN = (64, 64, 64)
_GOLDEN = 0.618033988749895
_PAPER, _INK, _PALE = (255, 255, 255), (40, 40, 40), (210, 210, 210)


def panels(comparison: Comparison, place: Place, raw: Image | None) -> dict[str, bytes]:
    """Return what is to be seen at a place as PNG files by their titles.

    Parameters
    ----------
    comparison
        What is compared.
    place
        A window of one section.
    raw
        The image itself, if it is to be shown: its first channel.

    Returns
    -------
    dict
        "image" (with `raw`), "truth", "prediction" and "differences".
    """
    compared = comparison.read(place.box)
    pictures: dict[str, Picture] = {}
    grey = np.zeros((*place.box.shape[1:], 3), np.uint8)
    if raw is not None:
        grey = np.repeat(_grey(raw.read(place.box)[0, 0])[..., None], 3, axis=2)
        pictures["image"] = grey
    for title, numbers in (("truth", compared.truth), ("prediction", compared.prediction)):
        pictures[title] = _coloured(numbers[:, 0], compared.known[0], comparison.classes)
    pictures["differences"] = _differences(compared, grey)
    return {title: png(picture) for title, picture in pictures.items()}


def object_colours(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return a colour (n, 3), 0 to 255, for each id: hues far apart for ids that are near; black for 0.

    Examples
    --------
    >>> object_colours(np.array([0, 1])).round().tolist()
    [[0.0, 0.0, 0.0], [64.0, 120.0, 255.0]]
    """
    hue = (ids * _GOLDEN) % 1 * 6
    # A saturation of 0.75 and full brightness; negative ids, the unmatched ones, are darker.
    channels = np.stack([np.clip(abs((hue + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)], axis=-1)
    bright = 255 * (0.25 + 0.75 * channels)
    bright[ids < 0] *= 0.7
    bright[ids == 0] = 0
    return np.asarray(bright)


def png(picture: Picture) -> bytes:
    """Return a picture (y, x, 3) as a PNG file."""
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def _grey(section: npt.NDArray[Any]) -> Picture:
    """Return grey values as bytes, from the darkest to the lightest hundredth."""
    values = np.nan_to_num(section.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(values, [1, 99])
    return np.asarray(np.clip((values - low) / (high - low or 1.0) * 255, 0, 255).round().astype(np.uint8))


def _coloured(
    numbers: npt.NDArray[np.integer], known: npt.NDArray[np.bool_], classes: Sequence[LabelClass]
) -> Picture:
    """Colour numbers (c, y, x); where masks overlap their colours are mixed."""
    mixed = np.zeros((*known.shape, 3))
    inside = numbers != 0
    for channel in numbers:
        ids, place = np.unique(channel, return_inverse=True)
        if classes:
            table = {entry.value: entry for entry in classes}
            entries = [table.get(int(n)) or LabelClass(int(n), "") for n in ids.tolist()]
            of_ids = np.where((ids == 0)[:, None], 0, colours(entries)[1:])
        else:
            of_ids = object_colours(ids.astype(np.int64))
        mixed += of_ids[place.reshape(channel.shape)]
    mixed /= np.maximum(inside.sum(axis=0), 1)[..., None]
    picture = mixed.round().astype(np.uint8)
    picture[~known] = _UNKNOWN
    return picture


def _differences(compared: Compared, grey: Picture) -> Picture:
    truth, prediction, known = compared.truth[:, 0], compared.prediction[:, 0], compared.known[0]
    picture = (grey * 0.6).astype(np.uint8)
    wrong = (truth != prediction).any(axis=0)
    missed = ((truth != 0) & (prediction == 0)).any(axis=0)
    added = ((truth == 0) & (prediction != 0)).any(axis=0)
    picture[wrong] = OTHER
    picture[added] = ADDED
    picture[missed] = MISSED
    picture[~known] = _UNKNOWN
    return picture


def curves_picture(curves: Mapping[str, Mapping[str, Any]], classes: Sequence[LabelClass]) -> bytes:
    """Draw the IoU of each class over the thresholds, in the colours of the classes.

    Parameters
    ----------
    curves
        As :func:`cristae.evaluation.probabilities.jaccard_curve` has them, by the number of the class.
    classes
        The table of the classes.
    """
    width, height, edge = 640, 400, 40
    canvas = Pillow.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(canvas)

    def at(threshold: float, iou: float) -> tuple[float, float]:
        return edge + threshold * (width - 2 * edge), height - edge - iou * (height - 2 * edge)

    for tenths in range(0, 11, 2):
        draw.line([at(0, tenths / 10), at(1, tenths / 10)], _PALE)
        draw.line([at(tenths / 10, 0), at(tenths / 10, 1)], _PALE)
        x, y = at(0, tenths / 10)
        draw.text((x - 24, y - 6), f"{tenths / 10:.1f}", _INK)
        x, y = at(tenths / 10, 0)
        draw.text((x - 8, y + 6), f"{tenths / 10:.1f}", _INK)
    draw.text((edge, 10), "IoU", _INK)
    draw.text((width - edge - 56, height - 18), "threshold", _INK)
    table = {str(entry.value): entry for entry in classes}
    for key, curve in curves.items():
        colour = tuple(colours([table.get(key) or LabelClass(int(key), "")])[1].tolist())
        points = zip(curve["threshold"], curve["iou"], strict=True)
        line = [at(threshold, iou) for threshold, iou in points if iou is not None]
        if len(line) > 1:
            draw.line(line, colour, width=3)
        if curve["best_iou"] is not None:
            x, y = at(curve["best_threshold"], curve["best_iou"])
            draw.ellipse([x - 5, y - 5, x + 5, y + 5], outline=colour, width=3)
    return png(np.asarray(canvas))
