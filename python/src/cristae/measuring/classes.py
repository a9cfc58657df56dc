"""The class of each object: the one that most of its voxels have."""

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.scan import ValueCounts
from cristae.measuring.rows import Rows
from cristae.measuring.runs import runs_of

_BITS = 32


class ClassVotes:
    """Counts how many voxels of each object have which class.

    Examples
    --------
    >>> rows, votes = Rows(), ClassVotes()
    >>> votes.add(rows, np.array([[[7, 7, 7, 0]]]), np.array([[[2, 2, 1, 1]]]), Box((0, 0, 0), (1, 1, 4)))
    >>> [values.tolist() for values in votes.columns(rows).values()]
    [[2], [0.6666666666666666]]
    """

    def __init__(self) -> None:
        self._votes = ValueCounts()

    def add(
        self, rows: Rows, ids: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], box: Box
    ) -> None:
        """Count in a slab of ids and classes (z, y, x).

        Raises
        ------
        InvalidInput
            A class is 2^32 or more.
        """
        if int(classes.max()) >> _BITS:
            raise InvalidInput(
                "The class image has values of 2^32 and more. Classes count from 1, 0 is none."
            )
        runs = runs_of(ids, box, classes)
        values = classes.reshape(-1)[runs.starts[runs.is_object]].astype(np.int64)
        keys, inverse = np.unique(rows.of_all(runs.ids) << _BITS | values, return_inverse=True)
        counts = np.zeros(keys.size, np.int64)
        np.add.at(counts, inverse, runs.lengths)
        self._votes.add(keys, counts)

    def columns(self, rows: Rows) -> dict[str, npt.NDArray[np.number]]:
        """Return the class of each object and the share of its voxels that have it, by rising id.

        Of several that are equally frequent the smallest one counts.
        """
        keys, counts = self._votes.arrays()
        row, value = keys >> _BITS, keys & ((1 << _BITS) - 1)
        total = np.zeros(rows.ids.size, np.int64)
        np.add.at(total, row, counts)
        order = np.lexsort((value, -counts, row))
        chosen = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
        found, share = np.zeros(rows.ids.size, np.int64), np.zeros(rows.ids.size)
        found[row[chosen]], share[row[chosen]] = value[chosen], counts[chosen] / total[row[chosen]]
        return {"class": found[rows.order], "class_share": share[rows.order]}
