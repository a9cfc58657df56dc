"""Predictions against the truth, on arrays and files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cristae.errors import InvalidInput
from cristae.events import logged

if TYPE_CHECKING:
    from cristae.door.calls import Source
    from cristae.door.sources import Classes
    from cristae.evaluation.evaluating import Evaluation
    from cristae.events import Event
    from cristae.volumes import Image, LabelClass


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
    from cristae.door import arguments as kinds
    from cristae.door.sources import as_image, class_table, voxel_size
    from cristae.door.targets import check_target
    from cristae.evaluation.evaluating import Choices, evaluate_images
    from cristae.evaluation.report_files import check_report

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
    choices = Choices(
        target=target,
        classes=class_table(classes),
        unknown=unknown,
        empty_sections=empty_sections,
        z=z,
        voxel_size=None if voxel_size_nm is None else voxel_size(voxel_size_nm),
        distances=distances,
        probabilities=probabilities,
        pairs=pairs,
    )
    choices.check()
    files = [Path(file) for file in ([report] if isinstance(report, str | Path) else report)]
    if raw is not None and not any(file.suffix.lower() == ".html" for file in files):
        raise InvalidInput(
            "The raw image is shown in a report that ends in .html; name one, or leave it out."
        )
    if overwrite and not files:
        raise InvalidInput("overwrite replaces reports, and no report is named. Name one, or leave it out.")
    sources = [prediction, *also, truth]
    for file in files:
        check_report(file)
        for source in [*sources, *([] if raw is None else [raw])]:
            check_target(file, source, overwrite=overwrite)
    opened, named = _opened(sources, target, probabilities)
    *images, true = opened
    evaluation = evaluate_images(
        images,
        true,
        _names(sources, pairs=pairs),
        replace(choices, classes=choices.classes or named),
        raw=None if raw is None else as_image(raw),
        on_event=on_event,
    )
    _write_all(files, evaluation)
    return evaluation.scores


def _write_all(files: Sequence[Path], evaluation: "Evaluation") -> None:
    """Write every report that can be written, then tell of the others with the scores, which took hours."""
    from cristae.evaluation import ReportNotWritten

    failures = []
    for file in files:
        try:
            evaluation.write(file)
        except Exception as failure:  # whatever it is, the scores are not to be lost with it
            failures.append((file, failure))
    if failures:
        told = " ".join(f"The report {file} could not be written: {_why(one)}" for file, one in failures)
        raise ReportNotWritten(f"Everything was compared. {told}", evaluation.scores) from failures[0][1]


def _why(failure: Exception) -> str:
    from cristae.errors import CristaeError

    if isinstance(failure, CristaeError):
        return failure.sentence
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror}."
    return f"{type(failure).__name__} ({failure})."


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


def _names(sources: Sequence[Any], *, pairs: bool) -> list[str]:
    """Return what the sources are called: files by what tells them apart, others as :func:`_name` says.

    Of pairs the truth, the last one here, counts as the second.
    """
    from cristae.evaluation.several import short_names

    count = len(sources)
    numbers = [1, *range(3, count + 1), 2] if pairs else list(range(1, count + 1))
    files = [str(Path(source).absolute()) for source in sources if isinstance(source, str | Path)]
    files = list(dict.fromkeys(files))
    short = dict(zip(files, short_names(files), strict=True))
    return [
        short[str(Path(source).absolute())] if isinstance(source, str | Path) else _name(source, number)
        for source, number in zip(sources, numbers, strict=True)
    ]


def _name(source: Any, number: int) -> str:
    """Return what an image in memory is called: its own name, else a number."""
    return str(getattr(source, "name", "") or "") or f"array {number}"
