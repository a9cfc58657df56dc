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
    merged, (sentence,) = merge_groups(objects, [ids])
    return merged, sentence


def merge_groups(objects: Objects, groups: Sequence[Sequence[int]]) -> tuple[Objects, list[str]]:
    """Give the objects of each group the lowest of their ids, all groups at once.

    Groups that have an object in common become one: 3, 7 and 7, 9 make 3, 7 and 9 one object.

    Returns
    -------
    objects, sentences
        The objects, and for each group what was done.

    Raises
    ------
    InvalidInput, NotFound
        As :func:`merge` does.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> three = Objects.of(ArrayImage(np.array([[9, 7, 3]], np.uint8)))
    >>> merged, sentences = merge_groups(three, [[3, 7], [7, 9]])
    >>> merged.ids.tolist(), sentences[1]
    ([3], 'The objects 7 and 9 became one, number 3.')
    """
    lower: dict[int, int] = {}
    sentences = []
    for ids in groups:
        picked = check_group(ids)
        for one in picked:
            check_there(objects, one)
        lowest = min(_end(lower, one) for one in picked)
        lower |= {end: lowest for one in picked if (end := _end(lower, one)) != lowest}
        *most, last = map(str, picked)
        sentences.append(f"The objects {', '.join(most)} and {last} became one, number {lowest}.")
    new_ids = objects.ids.copy()
    changed = np.array(sorted(lower), np.int64)
    new_ids[np.searchsorted(objects.ids, changed)] = [_end(lower, one) for one in changed.tolist()]
    return objects.renamed(new_ids), sentences


def _end(lower: dict[int, int], object_id: int) -> int:
    """Return what became of an object, and shorten the way to it."""
    end = object_id
    while end in lower:
        end = lower[end]
    while object_id != end:
        lower[object_id], object_id = end, lower[object_id]
    return end


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
    chosen = check_group(picked)
    return np.where(np.isin(ids, chosen), ids.dtype.type(chosen[0]), ids)


def check_there(objects: Objects, object_id: int) -> None:
    """Refuse an object that is not there."""
    if object_id not in objects.ids:
        if object_id in objects.became:
            now = objects.became[object_id]
            raise NotFound(f"The object {object_id} became number {now} in an earlier step. Name that one.")
        raise NotFound(f"The labels have no object {object_id}. Look up its number in the label image.")


def check_group(ids: Sequence[int]) -> list[int]:
    """Return the objects to merge in rising order, or refuse fewer than two, and what is no object."""
    picked = sorted(set(ids))
    if len(picked) < 2 or picked[0] < 1:
        named = ", ".join(map(str, ids)) or "none"
        raise InvalidInput(f"To merge, name two objects at least, by numbers from 1 on, not {named}.")
    return picked
