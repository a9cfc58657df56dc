"""Ids of objects as they are read: whole numbers from 0 on that int64 holds."""

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.scan import as_integers
from cristae.volumes import Image

LARGEST_ID = 2**63 - 1


def read_ids(labels: Image, box: Box, what: str = "labels") -> npt.NDArray[np.integer]:
    """Return the ids (z, y, x) of a box; unsigned ones of 64 bits become int64.

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
        For negative values, ids beyond 2^63 - 1, and what :func:`as_integers` refuses.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> read_ids(ArrayImage(np.array([[0, 3]], np.uint8)), Box((0, 0, 0), (1, 1, 2)))
    array([[[0, 3]]], dtype=uint8)
    """
    ids: npt.NDArray[np.integer] = as_integers(labels.read(box)[0], what)  # type: ignore[assignment]
    if ids.dtype.kind == "i" and int(ids.min()) < 0:
        raise InvalidInput(
            f"The {what} contain the negative id {int(ids.min())}. Objects count from 1, 0 is background."
        )
    if ids.dtype == np.uint64:
        if int(ids.max()) > LARGEST_ID:
            raise InvalidInput(f"The {what} contain ids above 2^63 - 1. Number the objects anew.")
        return ids.astype(np.int64)
    return ids
