"""One self-contained HTML page: tables, heat maps, curves and pictures of the worst places; no script."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cristae.evaluation.meanings import meaning_of
from cristae.evaluation.pictures import curves_picture, panels
from cristae.evaluation.scores import Scores
from cristae.evaluation.tables import PERFECT_AT_ONE, Row, columns_of, score_rows
from cristae.evaluation.worst import worst_places
from cristae.labels.colours import colours
from cristae.volumes import Image, LabelClass

STYLE = """
body { font: 15px/1.45 sans-serif; color: #222; max-width: 1200px; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 } th, td { border: 1px solid #ccc; padding: .2em .6em }
th { background: #f0f0f0; text-align: left } td { text-align: right; font-variant-numeric: tabular-nums }
.words { text-align: left } .wide { overflow-x: auto } figure { display: inline-block; margin: 0 .5em 1em 0 }
figure img { image-rendering: pixelated; width: %dpx } figcaption { color: #555; font-size: 13px }
.bar { display: inline-block; height: 4px; background: #222; margin: 0 .4em .2em 0 }
.key { display: inline-block; width: .9em; height: .9em; vertical-align: -.1em; margin-left: .8em }
"""

_SHOWN_PX = 256
"""The width of a picture of a place on the page."""


def page(
    predictions: Mapping[str, Scores],
    pairs: Mapping[str, Any] | None,
    *,
    truth: str,
    settings: Mapping[str, str],
    sentences: Sequence[str],
    raw: Image | None,
    pixel_nm: float | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    predictions
        Scores by the names of the predictions.
    pairs
        What :func:`cristae.evaluation.several.evaluate_pairs` returned, if that was asked.
    truth
        The name of the truth.
    settings
        What was chosen, for whoever reads the page later.
    sentences
        What was read and counted.
    raw
        The image itself, shown beside truth and prediction.
    pixel_nm
        The width of a voxel, if it is known: then pictures of places have a scale bar.

    Returns
    -------
    str
        HTML. Every name in it is escaped; pictures are in it, and it loads nothing.
    """
    body = ["<h1>Evaluation</h1>"]
    if pairs is None:
        body.append(f"<p>{escape(', '.join(predictions))} against {escape(truth)}.</p>")
    else:
        body.append(f"<p>{escape(', '.join(pairs['names']))}, each against each.</p>")
    body.append(_table(["setting", "value"], [[name, value] for name, value in settings.items()]))
    body += [f"<p>{escape(sentence)}</p>" for sentence in sentences]
    if pairs is not None:
        body += _matrices(pairs)
    elif predictions:
        body += _scores(predictions)
        body += [part for name, scores in predictions.items() for part in _curves(name, scores)]
        body += [
            part for name, scores in predictions.items() for part in _places(name, scores, raw, pixel_nm)
        ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Evaluation</title>'
        f"<style>{STYLE % _SHOWN_PX}</style></head>\n<body>\n{'\n'.join(body)}\n</body></html>\n"
    )


def _scores(predictions: Mapping[str, Scores]) -> list[str]:
    rows = score_rows(predictions)
    if all("classes" in scores for scores in predictions.values()):
        meanings = [[name, meaning] for name in columns_of(rows) if (meaning := meaning_of(name))]
        told = ["<h3>What the columns mean</h3>", _table(["metric", "meaning"], meanings)]
        return ["<h2>Scores</h2>", _row_table(rows), *told]
    # Objects have many metrics: each in a line, with its meaning, beside those of the other predictions.
    metrics = [name for name in columns_of(rows) if name != "prediction"]
    lines = [[name, *(row.get(name) for row in rows), meaning_of(name)] for name in metrics]
    names = list(predictions) if len(predictions) > 1 else ["value"]
    return ["<h2>Scores</h2>", _table(["metric", *names, "meaning"], lines, shaded=metrics)]


def _row_table(rows: Sequence[Row]) -> str:
    columns = columns_of(rows)
    cells = [[row.get(column) for column in columns] for row in rows]
    return _table(columns, cells, metrics=columns)


def _matrices(pairs: Mapping[str, Any]) -> list[str]:
    names = pairs["names"]
    parts = []
    for metric, matrix in pairs["pairs"].items():
        cells = [[name, *row] for name, row in zip(names, matrix, strict=True)]
        parts.append(f"<h2>{escape(metric)}</h2><p>Meaning: {escape(meaning_of(metric))}.</p>")
        parts.append("<p>The image of each row is scored as if that of the column were right.</p>")
        parts.append(_table(["", *names], cells, metrics=["", *[metric] * len(names)]))
    return parts


def _curves(name: str, scores: Scores) -> list[str]:
    if "curves" not in scores or scores.comparison is None:
        return []
    classes = scores.comparison.classes
    picture = _image(curves_picture(scores["curves"], classes), f"IoU over thresholds of {name}", "auto")
    best = [
        [
            scores.class_names.get(key, key),
            *(curve[best] for best in ("best_threshold", "best_iou", "best_dice")),
        ]
        for key, curve in scores["curves"].items()
    ]
    return [
        f"<h2>IoU over thresholds: {escape(name)}</h2><p>{picture}</p>{_key(classes)}",
        _table(["class", "best threshold", "IoU there", "Dice there"], best),
    ]


def _places(name: str, scores: Scores, raw: Image | None, pixel_nm: float | None) -> list[str]:
    if scores.comparison is None:
        return []
    parts = [
        f"<h2>Worst places: {escape(name)}</h2><p>Differences:"
        '<span class="key" style="background:#56b4e9"></span> only in the truth'
        '<span class="key" style="background:#e69f00"></span> only in the prediction'
        '<span class="key" style="background:#cc79a7"></span> another class or object'
        '<span class="key" style="background:#404040"></span> unknown</p>',
        _key(scores.comparison.classes),
    ]
    places = worst_places(scores.comparison)
    if not places:
        parts.append("<p>There is no difference.</p>")
    for place in places:
        (z, top, left), (_, bottom, right) = place.box.start, place.box.stop
        where = f"z {z}, y {top}:{bottom}, x {left}:{right}"
        parts.append(f"<h3>{where}: {place.wrong:,} voxels differ</h3>")
        for title, picture in panels(scores.comparison, place, raw).items():
            shown = _image(picture, f"{title} at {where}")
            parts.append(f"<figure>{shown}<figcaption>{title}</figcaption></figure>")
        if pixel_nm is not None:
            parts.append(_scale_bar((right - left) * pixel_nm))
    return parts


def scale_of(width_nm: float) -> tuple[float, str]:
    """Return a round length, at most a third of a width: as a share of the width, and in words.

    Examples
    --------
    >>> scale_of(3000.0), scale_of(640.0)
    ((0.3333333333333333, '1 µm'), (0.3125, '200 nm'))
    """
    power = 10.0 ** math.floor(math.log10(width_nm / 3))
    length_nm = max(digit * power for digit in (1, 2, 5) if digit * power <= width_nm / 3 * (1 + 1e-9))
    told = f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"
    return length_nm / width_nm, told


def _scale_bar(width_nm: float) -> str:
    share, told = scale_of(width_nm)
    return f'<p><span class="bar" style="width:{share * _SHOWN_PX:.1f}px"></span>{told}</p>'


def _key(classes: Sequence[LabelClass]) -> str:
    """Return which colour is which class; nothing for objects."""
    names = [
        f'<span class="key" style="background:#{red:02x}{green:02x}{blue:02x}"></span> {escape(entry.name)}'
        for entry, (red, green, blue) in zip(classes, colours(classes)[1:].tolist(), strict=True)
    ]
    return f"<p>Classes:{''.join(names)}</p>" if names else ""


def _image(picture: bytes, alt: str, width: str | None = None) -> str:
    style = f' style="width:{width}"' if width else ""
    return (
        f'<img alt="{escape(alt)}"{style} src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
    )


def _table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    metrics: Sequence[str] = (),
    shaded: Sequence[str] = (),
) -> str:
    """Return a table; cells are coloured where the metric of their column, or of their row, is best at 1."""
    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>"]
    for number, row in enumerate(rows):
        cells = []
        for column, value in enumerate(row):
            metric = shaded[number] if shaded else metrics[column] if metrics else ""
            style = ""
            if metric in PERFECT_AT_ONE and isinstance(value, int | float):
                style = f' style="background:{_shade(value)}"'
            kind = ' class="words"' if isinstance(value, str) else ""
            cells.append(
                f"<td{kind}{style}>{escape(_told(value))}</td>"
                if column
                else f"<th>{escape(_told(value))}</th>"
            )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _shade(value: float) -> str:
    """Return a colour from white (0) to green-blue (1), light enough for dark letters."""
    share = min(1.0, max(0.0, value))
    red, green, blue = (round(255 + share * (full - 255)) for full in (110, 200, 180))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _told(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
