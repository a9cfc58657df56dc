"""Objects that a person picked become one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput, NotFound
from cristae.labels.cleaning.objects import Objects


def merge(objects: Objects, ids: Sequence[int]) -> tuple[Objects, str]:
    """Give several objects the lowest of their ids; they need not touch.

    Returns
    -------
    objects, sentence
        The objects, and what was done.

    Raises
    ------
    InvalidInput
        Fewer than two different objects are named.
    NotFound
        One of them is not there.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> merged, sentence = merge(Objects.of(ArrayImage(np.array([[9, 0, 3]], np.uint8))), [9, 3])
    >>> merged.ids.tolist(), sentence
    ([3], 'The objects 3 and 9 became one, number 3.')
    """
    picked = _picked(ids)
    for one in picked:
        check_there(objects, one)
    *most, last = map(str, picked)
    sentence = f"The objects {', '.join(most)} and {last} became one, number {picked[0]}."
    return objects.renamed(np.where(np.isin(objects.ids, picked), picked[0], objects.ids)), sentence


def merge_in[Id: np.integer](ids: npt.NDArray[Id], picked: Sequence[int]) -> npt.NDArray[Id]:
    """Return a box of ids (z, y, x) in which picked objects have the lowest of their ids.

    Done in every box of a volume, it is the same as :func:`merge`.

    Raises
    ------
    InvalidInput
        Fewer than two different objects are named.

    Examples
    --------
    >>> merge_in(np.array([[[9, 0, 3]]]), [3, 9])
    array([[[3, 0, 3]]])
    """
    chosen = _picked(picked)
    return np.where(np.isin(ids, chosen), ids.dtype.type(chosen[0]), ids)


def check_there(objects: Objects, object_id: int) -> None:
    """Refuse an object that is not there."""
    if object_id not in objects.ids:
        raise NotFound(f"The labels have no object {object_id}. Look up its number in the label image.")


def _picked(ids: Sequence[int]) -> list[int]:
    picked = sorted(set(ids))
    if len(picked) < 2 or picked[0] < 1:
        named = ", ".join(map(str, ids)) or "none"
        raise InvalidInput(f"To merge, name two objects at least, by numbers from 1 on, not {named}.")
    return picked
