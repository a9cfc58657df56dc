"""Label images of any kind against the truth: what the command line and the jobs of a server share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cristae import __version__
from cristae.errors import InvalidInput
from cristae.evaluation.classes import evaluate_classes
from cristae.evaluation.distances import tolerance_nm
from cristae.evaluation.inputs import check_pair
from cristae.evaluation.instances import evaluate_instances
from cristae.evaluation.masks import check_masks, evaluate_masks
from cristae.evaluation.probabilities import check_probabilities, evaluate_probabilities
from cristae.evaluation.report_files import write_report
from cristae.evaluation.scores import Scores
from cristae.evaluation.several import Compare, distinct, evaluate_pairs, evaluate_several
from cristae.events import Event, Note
from cristae.labels import about_image, check_same_shape
from cristae.labels.reading import EmptySections
from cristae.labels.swapped import looks_grey, looks_numbered
from cristae.volumes import Image, LabelClass, VoxelSize, told_of

_MANY_CLASSES = 10
"""Of a prediction that the truth lacks: hardly anybody has so many by mistake."""


@dataclass(frozen=True)
class Choices:
    """How images are compared; :func:`cristae.evaluate` tells what each of these means.

    Examples
    --------
    >>> Choices(target="instances", distances=True).check()
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: Distances are compared for classes and masks, not for objects (instances).
    """

    target: str = "classes"
    classes: Sequence[LabelClass] = ()
    unknown: int | None = None
    empty_sections: EmptySections = "background"
    z: tuple[int, int] | None = None
    voxel_size: VoxelSize | None = None
    distances: bool = False
    probabilities: bool = False
    pairs: bool = False

    def check(self) -> None:
        """Refuse choices that do not go together."""
        if self.target == "instances" and self.classes:
            raise InvalidInput("Classes are named for the target classes; objects (instances) have none.")
        if self.target == "instances" and (self.distances or self.probabilities):
            what = "Distances" if self.distances else "Probabilities"
            raise InvalidInput(f"{what} are compared for classes and masks, not for objects (instances).")
        if self.pairs and (self.probabilities or self.distances):
            what = "distances" if self.distances else "probabilities"
            raise InvalidInput(f"Pairs compare labels with labels; leave out {what}, or the pairs.")

    def compare(self) -> Compare:
        """Return what scores one prediction against one truth."""
        choices: dict[str, Any] = {
            "unknown": self.unknown,
            "empty_sections": self.empty_sections,
            "z": self.z,
            "voxel_size": self.voxel_size,
        }
        if self.target == "instances":
            return partial(evaluate_instances, **choices)
        more = {**choices, "classes": self.classes, "distances": self.distances}
        if self.probabilities:
            return partial(evaluate_probabilities, masks=self.target == "masks", **more)
        return partial(evaluate_masks if self.target == "masks" else evaluate_classes, **more)


@dataclass(frozen=True)
class Evaluation:
    """What was found, to be written as reports.

    Attributes
    ----------
    scores
        As :func:`cristae.evaluate` returns them.
    names
        Of the images, no two alike; the truth is the last one, unless pairs were compared.
    settings
        What was chosen, for people.
    raw
        The image itself, for pictures.
    pixel_nm
        The width of a voxel, if it is known, for their scale bars.
    """

    scores: Scores
    names: Sequence[str]
    settings: dict[str, str]
    raw: Image | None
    pixel_nm: float | None

    def write(self, file: Path) -> None:
        """Write a report, as :func:`cristae.evaluation.report_files.write_report` does."""
        write_report(
            file,
            self.scores,
            prediction=self.names[0],
            truth=self.names[-1],
            settings=self.settings,
            raw=self.raw,
            pixel_nm=self.pixel_nm,
        )


def check_images(
    predictions: Sequence[Image],
    truth: Image,
    names: Sequence[str],
    choices: Choices,
    raw: Image | None = None,
) -> None:
    """Refuse what can never be compared, without reading a voxel.

    Parameters
    ----------
    predictions, truth
        Label images or probabilities.
    names
        Of the predictions and, last, of the truth.
    choices
        How they are to be compared.
    raw
        The image itself.

    Raises
    ------
    InvalidInput
        The choices do not go together, the shapes differ, or the sections are not there.

    Examples
    --------
    >>> import numpy as np
    >>> from cristae.volumes import ArrayImage
    >>> image = ArrayImage(np.zeros((4, 2, 3), np.uint8))
    >>> check_images([image], image, ["a", "b"], Choices(z=(3, 5)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: The sections 3:5 are not in the truth, which has the sections 0:4 ...
    """
    choices.check()
    named = _named(predictions, truth, names, pairs=choices.pairs)
    count = len(named) if choices.pairs else len(predictions)
    for number, (name, prediction) in enumerate(list(named.items())[:count], 1):
        with about_image(number, count, name):
            if choices.probabilities:
                check_probabilities(prediction, truth, choices.z, masks=choices.target == "masks")
            elif choices.target == "masks":
                check_masks(prediction, truth, choices.z)
            else:
                check_pair(prediction, truth, choices.z)
    if raw is not None:
        size = (1, *raw.shape_czyx[1:])
        check_same_shape(size, (1, *truth.shape_czyx[1:]), labels="raw image", image="truth")


def evaluate_images(
    predictions: Sequence[Image],
    truth: Image,
    names: Sequence[str],
    choices: Choices,
    *,
    raw: Image | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Evaluation:
    """Compare one prediction or several with the truth, or all images with each other.

    Parameters
    ----------
    predictions, truth
        Label images or probabilities.
    names
        Of the predictions and, last, of the truth; numbers tell those apart that are alike.
    choices
        How they are compared.
    raw
        The image itself, for the pictures of a report.
    on_event
        Gets notes.

    Raises
    ------
    InvalidInput
        As :func:`check_images`, or nothing can be scored.

    Examples
    --------
    >>> import numpy as np
    >>> from cristae.volumes import ArrayImage
    >>> found, truth = (ArrayImage(np.array([row], np.uint8)) for row in ([0, 1, 1], [0, 0, 1]))
    >>> evaluation = evaluate_images([found], truth, ["a.tif", "a.tif"], Choices())
    >>> evaluation.scores["mean"]["iou"], evaluation.names
    (0.5, ['a.tif', 'a.tif (2)'])
    """
    for note in told_of((*predictions, truth, raw)):
        on_event(note)
    check_images(predictions, truth, names, choices, raw)
    stated = [image.voxel_size for image in (truth, *predictions) if image.voxel_size is not None]
    used = choices.voxel_size or (stated[0] if stated else None)
    if choices.voxel_size is None and any(one.zyx_nm != stated[0].zyx_nm for one in stated):
        whose = "the truth" if truth.voxel_size is not None else "the first image that states one"
        told = f"The images state different voxel sizes; {_nm(stated[0])} counts, that of {whose}."
        on_event(Note(told, is_warning=True))
    compare = choices.compare()
    scores: Scores
    named = _named(predictions, truth, names, pairs=choices.pairs)
    for name, image in named.items():
        if not choices.probabilities and looks_grey(image):
            told = f"{name} looks like an image, not like labels: neighbouring voxels are seldom equal."
            on_event(Note(told, is_warning=True))
    for image in predictions if choices.probabilities else ():
        if looks_numbered(image):
            told = (
                f"{image.name or 'The prediction'} looks like labels, not like probabilities from 0 to 255: "
                "all values are small. If they are, leave out the choice probabilities."
            )
            on_event(Note(told, is_warning=True))
    if choices.pairs:
        scores = evaluate_pairs(named, compare, unknown=choices.unknown)
    elif len(predictions) > 1:
        scores = evaluate_several(dict(list(named.items())[:-1]), truth, compare)
    else:
        scores = compare(predictions[0], truth)
    for told in _doubts(scores):
        on_event(Note(told, is_warning=True))
    pixel_nm = None if used is None else used.x_nm
    return Evaluation(scores, list(named), _settings(choices, list(named), used), raw, pixel_nm)


def _doubts(scores: Scores) -> list[str]:
    """Return what makes the scores of one prediction worth little, in sentences."""
    if scores.get("objects_truth") == 0:
        return ["The truth has no object: what compares with true objects has no value."]
    classes = scores.get("classes", {}).values()
    if "classes" in scores and not any(one.get("voxels_truth", 1) for one in classes):
        return ["The truth is empty where it is compared: no voxel has a label. Were the images exchanged?"]
    if scores.get("objects_prediction") == 0 or _is_empty(classes):
        return ["The prediction is empty: nothing was found where it is compared."]
    made_up = [one for one in classes if one.get("voxels_truth") == 0 and one.get("voxels_prediction")]
    if len(made_up) > _MANY_CLASSES:
        return [
            f"{len(made_up)} values of the prediction are nowhere in the truth. If they are the numbers of "
            "single objects, choose the target instances, and a truth that has such numbers, too."
        ]
    return []


def _is_empty(classes: Collection[Mapping[str, Any]]) -> bool:
    """Whether the truth has classes or masks and the prediction none of any."""
    return any(one.get("voxels_truth") for one in classes) and not any(
        one.get("voxels_prediction", 1) for one in classes
    )


def _named(
    predictions: Sequence[Image], truth: Image, names: Sequence[str], *, pairs: bool
) -> dict[str, Image]:
    """Return all images under names of which no two are the same, in the order in which they are told."""
    images, count = [*predictions, truth], len(predictions)
    # Pairs come as they stand on the command line: the truth is the second one.
    order = [0, count, *range(1, count)] if pairs else list(range(count + 1))
    told = distinct([names[place] for place in order])
    return dict(zip(told, [images[place] for place in order], strict=True))


def _settings(choices: Choices, names: Sequence[str], used: VoxelSize | None) -> dict[str, str]:
    """Return what was chosen, in words."""
    told = {
        "prediction": ", ".join(names if choices.pairs else names[:-1]),
        "truth": None if choices.pairs else names[-1],
        "target": choices.target,
        "unknown": choices.unknown,
        "empty sections": choices.empty_sections,
        "sections": None if choices.z is None else f"{choices.z[0]}:{choices.z[1]}",
        "voxel size": None if used is None else _nm(used),
        "surfaces count as the same within": (
            f"{tolerance_nm(used):g} nm" if choices.distances and used is not None else None
        ),
        "predictions are": "probabilities" if choices.probabilities else None,
        "program": f"Cristae {__version__}",
        "day": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def _nm(size: VoxelSize) -> str:
    return f"{size.z_nm:g} x {size.y_nm:g} x {size.x_nm:g} nm (z, y, x)"
