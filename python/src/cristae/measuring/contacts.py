"""Which objects touch, and by how much: faces of voxels that two objects share."""

import fastremap
import numpy as np
import numpy.typing as npt

from cristae.labels.scan import ValueCounts
from cristae.measuring.inputs import Units, beside
from cristae.measuring.rows import Rows
from cristae.measuring.table import Table

type Ids = npt.NDArray[np.integer]

_BITS = 31


class Contacts:
    """Counts, for pairs of objects, the faces of voxels between them.

    Parameters
    ----------
    units
        What a voxel measures.
    rows, other_rows
        Those of the objects on either side; the same for the objects of one image.
    """

    def __init__(self, units: Units, rows: Rows, other_rows: Rows | None = None) -> None:
        self._units, self._rows, self._other_rows = units, rows, other_rows or rows
        self._faces = {axis: ValueCounts() for axis in map("zyx".index, units.axes)}

    def add(self, padded: Ids) -> None:
        """Count in a slab of one image (z, y, x), with one voxel more on each side.

        A face belongs to the voxel before it, so that no slab counts one twice.
        """
        core = padded[1:-1, 1:-1, 1:-1]
        for axis, counts in self._faces.items():
            after = beside(padded, axis, 1)
            touch = (core != after) & (core != 0) & (after != 0)
            one, other = core[touch].astype(np.int64), after[touch].astype(np.int64)
            _count(counts, self._rows.of_all(one), self._rows.of_all(other), either_way=True)

    def add_between(self, padded: Ids, other: Ids) -> None:
        """Count in a slab of two images the faces that are surface on both sides.

        Of the two voxels at such a face one lies in an object of the first image and not in that of the
        second, the other the other way round.
        """
        core, other_core = padded[1:-1, 1:-1, 1:-1], other[1:-1, 1:-1, 1:-1]
        for axis, counts in self._faces.items():
            for sign in (1, -1):
                next_to, other_next_to = beside(padded, axis, sign), beside(other, axis, sign)
                touch = (core != 0) & (other_next_to != 0)
                touch &= (core != next_to) & (other_core != other_next_to)
                one, there = core[touch].astype(np.int64), other_next_to[touch].astype(np.int64)
                _count(counts, self._rows.of_all(one), self._other_rows.of_all(there), either_way=False)

    def table(self) -> Table:
        """Return the pairs with the area (in a section the length) of their contact, by rising ids."""
        per_axis = [(axis, *counts.arrays()) for axis, counts in self._faces.items()]
        keys, places = np.unique(np.concatenate([k for _, k, _ in per_axis]), return_inverse=True)
        faces, area, at = np.zeros(keys.size, np.int64), np.zeros(keys.size), 0
        for axis, own, number in per_axis:
            place = places[at : at + own.size]
            at += own.size
            faces[place] += number
            area[place] += number * self._face(axis)
        one = _ids(self._rows)[keys >> _BITS]
        other = _ids(self._other_rows)[keys & ((1 << _BITS) - 1)]
        if self._rows is self._other_rows:
            one, other = np.minimum(one, other), np.maximum(one, other)
        order = np.lexsort((other, one))
        name = f"contact_{self._units.unit}" + ("" if self._units.is_flat else "2")
        return Table({"id": one[order], "other_id": other[order], "faces": faces[order], name: area[order]})

    def _face(self, axis: int) -> float:
        """Return the area of a face across an axis, in a section the length of an edge."""
        across = [side for a, side in enumerate(self._units.sides) if a != axis]
        return across[1] if self._units.is_flat else across[0] * across[1]


def _count(
    counts: ValueCounts, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], *, either_way: bool
) -> None:
    if not one.size:
        return
    if either_way:
        one, other = np.minimum(one, other), np.maximum(one, other)
    pairs, number = fastremap.unique(one << _BITS | other, return_counts=True)
    counts.add(pairs.astype(np.int64), number.astype(np.int64))


def _ids(rows: Rows) -> npt.NDArray[np.int64]:
    """Return the id of each row."""
    ids = np.empty(rows.ids.size, np.int64)
    ids[rows.order] = rows.ids
    return ids
