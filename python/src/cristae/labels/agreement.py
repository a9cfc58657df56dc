"""One class table for several label images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cristae.errors import InvalidInput
from cristae.labels.numbering import skipped_told
from cristae.labels.reading import LabelReading
from cristae.volumes import LabelClass


def share_classes(readings: Sequence[LabelReading]) -> list[LabelReading]:
    """Give the readings of several label images the class table of the one with the most classes.

    A class that nobody drew in one image is fine, and a number that this table skips is the class of an image
    in which it was drawn. What is not: an image whose values were given other class
    numbers (a 0/255 mask) beside one with more classes, where nobody knows which of them the mask shows.

    Raises
    ------
    InvalidInput
        Saying which image differs, and what to do.

    Examples
    --------
    >>> share_classes([])
    []
    """
    if len({reading.target for reading in readings}) > 1:
        raise InvalidInput(
            "Some label images are read as classes, others as instances. Choose one target for all."
        )
    most = max(readings, key=lambda reading: len(reading.classes), default=None)
    if most is None or most.target != "classes":
        return list(readings)
    for index, reading in enumerate(readings, 1):
        renumbered = {v: n for v, n in reading.class_of_value.items() if n and v != n}
        theirs = {v: n for v, n in most.class_of_value.items() if n and v != n}
        if reading.is_labelled and renumbered != theirs and len(most.classes) > 1:
            value = next(iter(renumbered or theirs))
            raise InvalidInput(
                f"The label images do not agree: the value {value} was given another class number in "
                f"{'label image ' + str(index) if renumbered else 'another label image'} (label image "
                f"{index} has "
                f"{len(reading.classes)} of {len(most.classes)} classes). Give the same class the same "
                f"value in all, "
                "counting from 1, or name the classes (classes=)."
            )
    drawn = {n: reading.classes[n - 1] for reading in readings for n in _numbers(reading)}
    table = tuple(drawn.get(entry.value, entry) for entry in most.classes)
    return [
        replace(
            reading,
            classes=table,
            voxel_counts={entry.value: 0 for entry in table} | dict(reading.voxel_counts),
            warnings=_warnings(reading, drawn),
        )
        for reading in readings
    ]


def _numbers(reading: LabelReading) -> set[int]:
    """Return the numbers of the classes, without those that the values skip."""
    return set(reading.class_of_value.values()) - {0}


def _warnings(reading: LabelReading, drawn: Mapping[int, LabelClass]) -> tuple[str, ...]:
    """Return the warnings of a reading, without the skipped numbers that were drawn in another image."""
    skipped = sorted({entry.value for entry in reading.classes} - _numbers(reading) - {reading.unknown_value})
    if not skipped:
        return reading.warnings
    left = [number for number in skipped if number not in drawn]
    now = {skipped_told(skipped): skipped_told(left) if left else ""}
    return tuple(told for warning in reading.warnings if (told := now.get(warning, warning)))
