"""The truth of affinities, made on the training device of the objects that a variant of a patch shows.

A flip or a turn changes which voxel lies at an offset from another one. So it is ids that are flipped, turned
and deformed, and pairs are compared after that.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cristae.labels import UNKNOWN
from cristae.labels.affinities import Offset, pair_slices


class Pairs:
    """Which pairs of voxels belong to one object.

    Parameters
    ----------
    offsets
        Of the pairs; see :func:`cristae.labels.affinities.offsets_for`.
    """

    def __init__(self, offsets: Sequence[Offset]) -> None:
        self.offsets = tuple(offsets)

    def __call__(self, ids: Tensor, dims: int) -> tuple[Tensor, Tensor]:
        """Compare the numbers of objects, as :func:`cristae.labels.affinities_of` does.

        Parameters
        ----------
        ids
            (n, z, y, x), 0 background, 255 unknown. For sections each with the one before it, itself, and the
            one behind it, (n, 3, y, x).
        dims
            3 for volumes, 2 for sections.

        Returns
        -------
        truth, known
            Both (n, 1 + offsets, [z,] y, x), bool.

        Examples
        --------
        >>> truth, known = Pairs([(0, 0, -1)])(torch.tensor([[[[7, 7, 8, 255]]]]), 3)
        >>> truth[0, 1].int().tolist(), known[0, 1].int().tolist()
        ([[[0, 1, 0, 0]]], [[[0, 1, 1, 0]]])
        """
        own = ids[:, 1:2] if dims == 2 else ids
        told, inside = own != UNKNOWN, (own != 0) & (own != UNKNOWN)
        truth, known = [inside], [told]
        for offset in self.offsets:
            same, both = torch.zeros_like(told), torch.zeros_like(told)
            if dims == 2 and offset[0]:
                before = ids[:, :1]
                same, both = inside & (own == before), told & (before != UNKNOWN)
            else:
                here, there = ((slice(None), *part) for part in pair_slices(offset))
                same[here] = inside[here] & (own[here] == own[there])
                both[here] = told[here] & told[there]
            truth.append(same)
            known.append(both)
        every, all_known = torch.stack(truth, dim=1), torch.stack(known, dim=1)  # n, 1 + offsets, z, y, x
        return (every[:, :, 0], all_known[:, :, 0]) if dims == 2 else (every, all_known)

    def objects(self, ids: Tensor, dims: int) -> Tensor:
        """Return where there is an object, (n, [z,] y, x), uint8: 1, or 255 where that is unknown."""
        own = ids[:, 1] if dims == 2 else ids
        return (own != 0).to(torch.uint8).masked_fill(own == UNKNOWN, UNKNOWN)
