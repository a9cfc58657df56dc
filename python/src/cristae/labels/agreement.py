"""One class table for several label images."""

from collections.abc import Sequence
from dataclasses import replace

from cristae.errors import InvalidInput
from cristae.labels.reading import LabelReading


def share_classes(readings: Sequence[LabelReading]) -> list[LabelReading]:
    """Give the readings of several label images the class table of the one with the most classes.

    A class that nobody drew in one image is fine. What is not: an image whose values were given other class
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
    shared = []
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
        counts = {entry.value: 0 for entry in most.classes} | dict(reading.voxel_counts)
        shared.append(replace(reading, classes=most.classes, voxel_counts=counts))
    return shared
