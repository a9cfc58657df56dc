"""Several images, or several annotators of one: whose labels count, and which image a sentence is about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from cristae.errors import InvalidInput
from cristae.labels.majority import MajorityVote
from cristae.volumes import Image


def voted(
    annotators: Sequence[Image],
    *,
    target: Literal["classes", "masks", "instances"],
    unknown: int | None = None,
    empty_sections: Literal["unknown", "background"] = "unknown",
    names: Sequence[str] = (),
) -> Image:
    """Return the labels of one annotator as they are, and those of several as what most of them say.

    Parameters
    ----------
    annotators
        One or more label images (c, z, y, x) of the same image.
    target
        "classes", "masks" (a channel for each) or "instances".
    unknown, empty_sections
        The value of unknown voxels, and what sections are in which an annotator drew nothing.
    names
        As for :class:`MajorityVote`.

    Raises
    ------
    InvalidInput
        Several annotators numbered objects, which nobody can compare; or as :class:`MajorityVote`.
    """
    if len(annotators) == 1:
        return annotators[0]
    if target == "instances":
        raise InvalidInput(
            "Several annotators number the same objects differently, so there is no majority of instances. "
            "Give the labels of one, or train classes or masks."
        )
    return MajorityVote(
        annotators,
        unknown=unknown,
        empty_are_unknown=empty_sections == "unknown",
        masks=target == "masks",
        names=names,
    )


def annotators_of(labels: Image) -> tuple[Image, ...]:
    """Return the label images that :func:`voted` was given."""
    return tuple(labels.annotators) if isinstance(labels, MajorityVote) else (labels,)


def unknown_of(labels: Sequence[Image], unknown: int | None) -> int | None:
    """Return the value of unknown voxels in all of these labels: what was given, else that of ties."""
    values = [each.unknown_value for each in labels if isinstance(each, MajorityVote)]
    return next((value for value in values if value is not None), unknown)


def image_told(number: int, count: int, name: str = "") -> str:
    """Say which of several images is meant, as the beginning of a sentence; nothing if there is one only.

    Parameters
    ----------
    number
        Counted from 1.
    count
        Of all images.
    name
        Of the image, if it has one.

    Examples
    --------
    >>> image_told(2, 3, "stack.tif"), image_told(2, 3), image_told(1, 1, "stack.tif")
    ('Image 2 of 3, stack.tif: ', 'Image 2 of 3: ', '')
    """
    if count == 1:
        return ""
    return f"Image {number} of {count}{f', {name}' if name else ''}: "


@contextmanager
def about_image(number: int, count: int, name: str = "") -> Iterator[None]:
    """Have what is refused begin with :func:`image_told`.

    Examples
    --------
    >>> with about_image(2, 3):
    ...     raise InvalidInput("The labels are empty.")
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: Image 2 of 3: The labels are empty.
    """
    try:
        yield
    except InvalidInput as refused:
        if count == 1:
            raise
        raise InvalidInput(f"{image_told(number, count, name)}{refused.sentence}") from refused
