"""The average of the weights over the last part of the training: steadier than the last step's."""

import torch
from torch import Tensor, nn

_POWER = 10.0
"""The average looks back over about a tenth of the steps done, whatever their number will be in the end."""


class WeightAverage:
    """A running average of a network's weights and of its normalisation statistics.

    At step t the old average keeps the share (1 - 1/t) to the power of 10: it forgets the wild beginning, and
    its memory grows with the training. The statistics of batch normalisation are averaged in the same way,
    because they belong to the weights that they were measured with.

    Examples
    --------
    >>> network = nn.Linear(1, 1, bias=False)
    >>> average = WeightAverage(network)
    >>> _ = network.weight.data.fill_(5.0)
    >>> average.update(network, step=1)
    >>> average.tensors["weight"].item()
    5.0
    """

    def __init__(self, network: nn.Module) -> None:
        self.tensors: dict[str, Tensor] = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the network after optimiser step ``step``, counted from 1."""
        share = 1 - (1 - 1 / step) ** _POWER
        for name, value in network.state_dict().items():
            average = self.tensors[name]
            if average.is_floating_point():
                average.lerp_(value, share)
            else:  # the number of batches seen
                average.copy_(value)
