"""Ids of objects as they are read: whole numbers from 0 on that int64 holds."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.scan import as_integers, signed
from cristae.volumes import Image


def read_ids(labels: Image, box: Box, what: str = "labels") -> npt.NDArray[np.integer]:
    """Return the ids (z, y, x) of a box, as :func:`checked_ids` does.

    Parameters
    ----------
    labels
        One channel.
    box
        What to read.
    what
        What the image is called in sentences.

    Raises
    ------
    InvalidInput
        As :func:`checked_ids` says.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> read_ids(ArrayImage(np.array([[0, 3]], np.uint8)), Box((0, 0, 0), (1, 1, 2)))
    array([[[0, 3]]], dtype=uint8)
    """
    return checked_ids(labels.read(box)[0], what)


def checked_ids(labels: npt.NDArray[Any], what: str = "labels") -> npt.NDArray[np.integer]:
    """Return label values of any number type as ids; unsigned ones of 64 bits become int64.

    Raises
    ------
    InvalidInput
        For negative values, ids beyond 2^63 - 1, and what :func:`as_integers` refuses.

    Examples
    --------
    >>> checked_ids(np.array([0, 2**40], np.uint64)).dtype.name
    'int64'
    """
    ids: npt.NDArray[np.integer] = signed(as_integers(labels, what), what)  # type: ignore[assignment]
    if ids.size and ids.dtype.kind == "i" and int(ids.min()) < 0:
        raise InvalidInput(
            f"The {what} contain the negative id {int(ids.min())}. Objects count from 1, 0 is background: "
            "change it."
        )
    return ids
