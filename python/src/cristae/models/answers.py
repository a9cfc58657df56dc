"""What the channels of a model's network say, as its record tells."""

from collections.abc import Mapping
from typing import Any

type Offset = tuple[int, int, int]


def offsets_of(record: Mapping[str, Any]) -> tuple[Offset, ...]:
    """Return of which pairs of voxels a model says whether they belong to one object; () for other models.

    Examples
    --------
    >>> offsets_of({"target": "instances", "offsets_zyx": [[-1, 0, 0], [0, -1, 0]]})
    ((-1, 0, 0), (0, -1, 0))
    """
    return tuple((int(z), int(y), int(x)) for z, y, x in record.get("offsets_zyx", ()))


def may_overlap(record: Mapping[str, Any]) -> bool:
    """Tell whether each channel has a probability of its own; those of classes make up 1 together.

    Examples
    --------
    >>> may_overlap({"target": "masks"}), may_overlap({"target": "instances"})
    (True, False)
    """
    return record["target"] == "masks" or bool(record.get("offsets_zyx"))
