"""Predictions against the truth, on arrays and files."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cristae.events import logged

if TYPE_CHECKING:
    from cristae.door.calls import Source
    from cristae.door.sources import Classes
    from cristae.evaluation import Scores
    from cristae.events import Event
    from cristae.volumes import Image, LabelClass, VoxelSize


def evaluate(
    prediction: "Source",
    truth: "Source",
    *,
    target: str = "classes",
    classes: "Classes" = (),
    unknown: int | None = None,
    empty_sections: Literal["unknown", "background"] = "background",
    z: tuple[int, int] | None = None,
    voxel_size_nm: tuple[float, float, float] | None = None,
    distances: bool = False,
    probabilities: bool = False,
    also: "Sequence[Source]" = (),
    pairs: bool = False,
    report: "str | Path | Sequence[str | Path]" = (),
    raw: "Source | None" = None,
    overwrite: bool = False,
    on_event: "Callable[[Event], None]" = logged,
) -> dict[str, Any]:
    """Compare a predicted label image with the true one, or several with it or with each other.

    Parameters
    ----------
    prediction, truth
        Label images of the same shape. For masks a channel for each (c, z, y, x), or a folder with a label
        image for each.
    target
        "classes", "masks" or "instances".
    classes
        The class table of `truth`, if its values are not 1, 2, ...; only for classes.
    unknown
        The value in `truth` that means "not known"; such voxels do not count.
    empty_sections
        What a section of `truth` without labels means.
    z
        Half-open range of sections to score.
    voxel_size_nm
        (z, y, x) in nanometres, instead of what the files say.
    distances
        Also compare surfaces, for classes and masks: Hausdorff distance, its 95th percentile, mean surface
        distance and boundary F1. That takes longer.
    probabilities
        `prediction` holds probabilities, 0 to 255, as :func:`predict` writes them: IoU and Dice for each
        threshold, the other metrics at 0.5.
    also
        Further predictions to compare with `truth`.
    pairs
        Compare each of `prediction`, `truth` and `also` with each other, as labels of several annotators.
    report
        Files to write too: .csv, .json, or .html with pictures of the worst places.
    raw
        The image itself, for the pictures of an .html report.
    overwrite
        Replace reports that are there.
    on_event
        Gets notes.

    Returns
    -------
    dict
        For classes and masks ``{"classes": {"1": {"iou", "dice", ...}}, "mean": {...}}``, for instances
        ``{"adapted_rand_error", "vi_split", "vi_merge", ...}``; with `also` ``{"predictions": {name:
        scores}}``; with `pairs` ``{"names": [...], "pairs": {metric: [[...]]}}``. Numbers or None, never NaN.

    Raises
    ------
    ReportNotWritten
        A report could not be written at the end; all others were, and the `scores` of the error are the
        result.
    CristaeError
        The shapes differ, nothing can be scored, or a report is there already.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[[0, 0, 1, 1]]], np.uint8)
    >>> evaluate(np.array([[[0, 1, 1, 1]]], np.uint8), truth)["classes"]["1"]["precision"]
    0.6666666666666666
    """
    from cristae import __version__
    from cristae.door import arguments as kinds
    from cristae.door.sources import as_image, class_table, voxel_size
    from cristae.door.targets import check_target
    from cristae.evaluation.distances import tolerance_nm
    from cristae.evaluation.report_files import check_report, write_report
    from cristae.evaluation.several import distinct, evaluate_pairs, evaluate_several
    from cristae.events import Note
    from cristae.labels import check_same_shape

    kinds.check_arguments(
        target=(target, kinds.TARGET),
        classes=(classes, kinds.CLASSES),
        unknown=(unknown, kinds.WHOLE | kinds.NOTHING),
        empty_sections=(empty_sections, kinds.EMPTY_SECTIONS),
        z=(z, kinds.SECTIONS | kinds.NOTHING),
        voxel_size_nm=(voxel_size_nm, kinds.SIDES | kinds.NOTHING),
        distances=(distances, kinds.TRUTH),
        probabilities=(probabilities, kinds.TRUTH),
        also=(also, kinds.SOURCES),
        pairs=(pairs, kinds.TRUTH),
        report=(report, kinds.PATHS),
        overwrite=(overwrite, kinds.TRUTH),
        on_event=(on_event, kinds.FUNCTION),
    )
    unknown, z, voxel_size_nm = map(kinds.plain, (unknown, z, voxel_size_nm))
    table = class_table(classes)
    files = [Path(file) for file in ([report] if isinstance(report, str | Path) else report)]
    _refuse_together(target, table, distances, probabilities, pairs, raw, files)
    sources = [prediction, *also, truth]
    for file in files:
        check_report(file)
        for source in [*sources, *([] if raw is None else [raw])]:
            check_target(file, source, overwrite=overwrite)
    opened, named = _opened(sources, target, probabilities)
    *images, true = opened
    table = table or named
    for sentence in dict.fromkeys(note for image in opened for note in image.notes):
        on_event(Note(sentence))
    shown = None if raw is None else as_image(raw)
    if shown is not None:
        check_same_shape((1, *true.shape_czyx[1:]), shown.shape_czyx, labels="true labels", image="raw image")
    size = None if voxel_size_nm is None else voxel_size(voxel_size_nm)
    stated = [one.voxel_size for one in (true, *images) if one.voxel_size is not None]
    used = size or (stated[0] if stated else None)
    if size is None and any(one.zyx_nm != stated[0].zyx_nm for one in stated):
        on_event(Note(f"The images state different voxel sizes; {_nm(stated[0])} counts.", is_warning=True))
    choices = {"unknown": unknown, "empty_sections": empty_sections, "z": z, "voxel_size": size}
    compare = _comparing(target, probabilities, distances, table, choices)
    # Pairs come as they stand on the command line; else the truth is named last.
    order = [0, len(images), *range(1, len(images))] if pairs else range(len(sources))
    names = distinct(_names([sources[place] for place in order]))
    result: Scores
    if pairs:
        in_order = [opened[place] for place in order]
        result = evaluate_pairs(dict(zip(names, in_order, strict=True)), compare, unknown=unknown)
    elif also:
        result = evaluate_several(dict(zip(names, images, strict=False)), true, compare)
    else:
        result = compare(images[0], true)
    told = {
        "prediction": ", ".join(names if pairs else names[:-1]),
        "truth": None if pairs else names[-1],
        "target": target,
        "unknown": unknown,
        "empty sections": empty_sections,
        "sections": None if z is None else f"{z[0]}:{z[1]}",
        "voxel size": None if used is None else _nm(used),
        "surfaces count as the same within": f"{tolerance_nm(used):g} nm" if distances and used else None,
        "predictions are": "probabilities" if probabilities else None,
        "program": f"Cristae {__version__}",
        "day": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
    }
    write = partial(
        write_report,
        prediction=names[0],
        truth=names[-1],
        settings={name: str(value) for name, value in told.items() if value is not None},
        raw=shown,
        pixel_nm=None if used is None else used.x_nm,
    )
    _write_all(files, result, write)
    return result


def _nm(size: "VoxelSize") -> str:
    return f"{size.z_nm:g} x {size.y_nm:g} x {size.x_nm:g} nm (z, y, x)"


def _write_all(files: Sequence[Path], result: "Scores", write: "Callable[[Path, Scores], None]") -> None:
    """Write every report that can be written, then tell of the others with the scores, which took hours."""
    from cristae.evaluation import ReportNotWritten

    failures = []
    for file in files:
        try:
            write(file, result)
        except Exception as failure:  # whatever it is, the scores are not to be lost with it
            failures.append((file, failure))
    if failures:
        told = " ".join(f"The report {file} could not be written: {_why(one)}" for file, one in failures)
        raise ReportNotWritten(f"Everything was compared. {told}", result) from failures[0][1]


def _why(failure: Exception) -> str:
    from cristae.errors import CristaeError

    if isinstance(failure, CristaeError):
        return failure.sentence
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror}."
    return f"{type(failure).__name__} ({failure})."


def _refuse_together(
    target: str,
    table: "Sequence[LabelClass]",
    distances: bool,
    probabilities: bool,
    pairs: bool,
    raw: Any,
    files: Sequence[Path],
) -> None:
    from cristae.errors import InvalidInput

    if target == "instances" and table:
        raise InvalidInput("Classes are named for the target classes; objects (instances) have none.")
    if target == "instances" and (distances or probabilities):
        what = "Distances" if distances else "Probabilities"
        raise InvalidInput(f"{what} are compared for classes and masks, not for objects (instances).")
    if pairs and (probabilities or distances):
        what = "distances" if distances else "probabilities"
        raise InvalidInput(f"Pairs compare labels with labels; leave out {what}, or the pairs.")
    if raw is not None and not any(file.suffix.lower() == ".html" for file in files):
        raise InvalidInput(
            "The raw image is shown in a report that ends in .html; name one, or leave it out."
        )


def _opened(
    sources: Sequence[Any], target: str, probabilities: bool
) -> "tuple[list[Image], tuple[LabelClass, ...]]":
    """Return predictions and truth as images, and the names of masks if the files of the truth tell them."""
    from cristae.door.sources import as_exact_labels, as_image, as_label_image, as_masks

    if target == "masks":
        masks = [as_masks(source) for source in sources]
        return [image for image, _ in masks], masks[-1][1]
    if target == "instances":
        return [as_label_image(source, as_exact_labels) for source in sources], ()
    read = as_image if probabilities else as_label_image
    return [*map(read, sources[:-1]), as_label_image(sources[-1])], ()


def _comparing(
    target: str,
    probabilities: bool,
    distances: bool,
    table: "Sequence[LabelClass]",
    choices: Mapping[str, Any],
) -> "Callable[[Image, Image], Scores]":
    from cristae.evaluation import (
        evaluate_classes,
        evaluate_instances,
        evaluate_masks,
        evaluate_probabilities,
    )

    if target == "instances":
        return partial(evaluate_instances, **choices)
    more = {**choices, "classes": table, "distances": distances}
    if probabilities:
        return partial(evaluate_probabilities, masks=target == "masks", **more)
    return partial(evaluate_masks if target == "masks" else evaluate_classes, **more)


def _names(sources: Sequence[Any]) -> list[str]:
    """Return what sources are called: files by what tells them apart, others as :func:`_name` says."""
    from cristae.evaluation.several import short_names

    files = [str(Path(source).absolute()) for source in sources if isinstance(source, str | Path)]
    files = list(dict.fromkeys(files))
    short = dict(zip(files, short_names(files), strict=True))
    return [
        short[str(Path(source).absolute())] if isinstance(source, str | Path) else _name(source, number)
        for number, source in enumerate(sources, 1)
    ]


def _name(source: Any, number: int) -> str:
    """Return what an image in memory is called: its own name, else a number."""
    return str(getattr(source, "name", "") or "") or f"array {number}"
