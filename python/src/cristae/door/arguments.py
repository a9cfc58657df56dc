"""Arguments of another kind than a function takes: refused in words, before anything is read."""

import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes import LabelClass


@dataclass(frozen=True)
class Kind:
    """What an argument may be.

    Attributes
    ----------
    fits
        Tells whether a value is of this kind.
    told
        The kind in words, with an example.
    """

    fits: Callable[[Any], bool]
    told: str

    def __or__(self, other: "Kind") -> "Kind":
        """Return what is of one kind or the other."""
        return Kind(
            lambda value: self.fits(value) or other.fits(value),
            " or ".join(kind.told for kind in (self, other) if kind.told),
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return (isinstance(value, Sequence) or hasattr(value, "tolist")) and not isinstance(value, str | bytes)


def _is_list_of(fits: Callable[[Any], bool], length: int) -> Callable[[Any], bool]:
    return lambda value: _is_list(value) and len(value) == length and all(map(fits, value))


def one_of(*words: str) -> Kind:
    """Return the kind of these words."""
    return Kind(lambda value: isinstance(value, str) and value in words, " or ".join(map(repr, words)))


NOTHING = Kind(lambda value: value is None, "")
NAME = Kind(lambda value: isinstance(value, str), "a name such as 'mito'")
CONDITION = Kind(lambda value: isinstance(value, str), "a condition such as 'volume_nm3 > 1e6'")
TARGET = one_of("classes", "masks", "instances")
KIND = one_of("labels", "probabilities", "instances", "uncertainty")
BUDGET = one_of("quick", "standard", "best")
EMPTY_SECTIONS = one_of("unknown", "background")
ENGINE = Kind(lambda value: isinstance(value, str), "'auto', 'torch' or 'openvino'")
DEVICE = Kind(lambda value: isinstance(value, str), "'auto', 'cpu' or 'cuda:0'")
WORKERS = Kind(
    lambda value: hasattr(value, "open") and hasattr(value, "told"), "workers such as LocalWorkers(4)"
)
PATH = Kind(lambda value: isinstance(value, str | os.PathLike), "a path such as 'stack.tif'")
PATHS = Kind(
    lambda value: PATH.fits(value) or (_is_list(value) and all(map(PATH.fits, value))),
    "a path such as 'scores.html' or a list of them",
)
SOURCES = Kind(
    lambda value: isinstance(value, Sequence) and not isinstance(value, str | bytes),
    "a list of images such as ['found.tif']",
)
WHOLE = Kind(_is_whole, "a whole number such as 3")
NUMBER = Kind(_is_number, "a number such as 2.5")
TRUTH = Kind(lambda value: isinstance(value, bool), "True or False")
SECTIONS = Kind(_is_list_of(_is_whole, 2), "two whole numbers such as (0, 8)")
SIDES = Kind(_is_list_of(_is_number, 3), "three numbers in nanometres (z, y, x) such as (50, 4.6, 4.6)")
PAIRS = Kind(
    lambda value: _is_list(value) and all(_is_list(pair) and len(pair) == 2 for pair in value),
    "a list of images with their labels such as [('more.tif', 'more-labels.tif')]",
)
BORDER = one_of("keep", "remove")
GROUPS = Kind(
    lambda value: _is_list(value) and all(_is_list(group) and all(map(_is_whole, group)) for group in value),
    "groups of ids such as [(3, 7, 9)]",
)
POINTS = Kind(
    lambda value: (
        isinstance(value, Mapping)
        and all(map(_is_whole, value))
        and all(_is_list(points) and all(map(_is_list_of(_is_whole, 3), points)) for points in value.values())
    ),
    "points (z, y, x) by id such as {12: [(5, 80, 40), (5, 80, 90)]}",
)
CLASSES = Kind(
    lambda value: isinstance(value, Mapping) or hasattr(value, "__iter__"),
    "names such as ['er', 'vesicles'] or {100: 'er'}",
)
COMBINE = Kind(lambda value: isinstance(value, str), "'mean', 'median' or 'vote'")
SETTINGS = Kind(
    lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value),
    "choices by name such as {'batch': '4'}",
)
FUNCTION = Kind(callable, "a function")
LABEL_CLASS = Kind(lambda value: isinstance(value, LabelClass), "a LabelClass")
PACKAGE = Kind(lambda value: hasattr(value, "record") and hasattr(value, "weights"), "a model package")


MODEL = NAME | PATH | PACKAGE
MODELS = Kind(
    lambda value: MODEL.fits(value) or (_is_list(value) and bool(value) and all(map(MODEL.fits, value))),
    f"{MODEL.told} or a list of them",
)


def check_arguments(**given: tuple[Any, Kind]) -> None:
    """Refuse the first argument that is not of its kind.

    Raises
    ------
    InvalidInput
        The sentence names the argument, what was found, and what is expected.

    Examples
    --------
    >>> check_arguments(minutes=(2, NOTHING | NUMBER))
    >>> check_arguments(minutes=("2", NOTHING | NUMBER))
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: The argument minutes is '2'; give a number such as 2.5.
    """
    for name, (value, kind) in given.items():
        if not kind.fits(value):
            raise InvalidInput(f"The argument {name} is {reprlib.repr(value)}; give {kind.told}.")


def box_asked_for(
    shape_zyx: Sequence[int],
    z: tuple[int, int] | None,
    y: tuple[int, int] | None,
    x: tuple[int, int] | None,
) -> Box:
    """Return the part of an image that three half-open ranges name; None stands for all there is.

    Examples
    --------
    >>> box_asked_for((10, 64, 64), None, (0, 32), None)
    Box(start=(0, 0, 0), stop=(10, 32, 64))
    """
    ranges = [asked or (0, side) for asked, side in zip((z, y, x), shape_zyx, strict=True)]
    return Box(tuple(start for start, _ in ranges), tuple(stop for _, stop in ranges))


def as_text(settings: Mapping[str, Any] | None) -> dict[str, str]:
    """Return choices as ``--set`` takes them, also where numbers, arrays or lists were given.

    Examples
    --------
    >>> as_text({"batch": 4, "patch_zyx": (1, 256, 256), "loss": "dice"})
    {'batch': '4', 'patch_zyx': '1,256,256', 'loss': 'dice'}
    """
    values = {name: plain(value) for name, value in (settings or {}).items()}
    return {
        name: (",".join(map(str, value)) if isinstance(value, tuple) else str(value)).strip()
        for name, value in values.items()
    }


def plain(value: Any) -> Any:
    """Return numbers of NumPy, and lists of them, as those of Python, which every record can hold.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.uint8(3)), plain(np.array([0, 8])), plain(None)
    (3, (0, 8), None)
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value
