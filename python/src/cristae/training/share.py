"""Which part of a batch a process computes, where several train one model together.

Each draws the same random numbers as one process with the whole batch would, and keeps those of its own part.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """One of several equal parts of a batch, which lie in it one after the other.

    Parameters
    ----------
    number
        Which part, from 0.
    parts
        How many there are.

    Examples
    --------
    >>> whole = torch.rand(6, generator=torch.Generator().manual_seed(0))
    >>> own = Share(1, 2).drawn(3, generator=torch.Generator().manual_seed(0))
    >>> torch.equal(own, whole[3:])
    True
    """

    number: int = 0
    parts: int = 1

    def own(self, count: int) -> slice:
        """Return where in the whole batch a part of so many lies."""
        return slice(self.number * count, (self.number + 1) * count)

    def drawn(self, count: int, *shape: int, generator: torch.Generator) -> Tensor:
        """Draw numbers of 0 to 1 for each of so many own samples, (count, *shape)."""
        return torch.rand(self.parts * count, *shape, generator=generator)[self.own(count)]


WHOLE = Share()
"""All of it: the share of a process that trains alone."""
