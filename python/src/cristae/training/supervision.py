"""Deep supervision: while it is trained, a network answers on coarser levels too.

Gradients then reach the coarse levels by a short way. The further heads are no part of the network, so that a
model is the same with and without; a training without deep supervision has none of them.

Sources: C.-Y. Lee et al., Deeply-supervised nets, AISTATS 2015; with the weights of F. Isensee et al.,
nnU-Net, Nature Methods 18 (2021).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from cristae.networks import AddedNetwork, UNet, UNetConfig
from cristae.training.losses import Compared, Loss


class DeepSupervision(nn.Module):
    """A network with further heads: input (n, c, [z,] y, x) to logits, the network's own first.

    Parameters
    ----------
    network
        The network.
    is_deep
        Whether there are heads: one on each level of the decoder below the finest.
    seed
        For their first weights.

    Examples
    --------
    >>> config = UNetConfig(2, 1, 2, (2, 4, 8), ((1, 3, 3),) * 3, ((1, 2, 2),) * 2)
    >>> [tuple(logits.shape) for logits in DeepSupervision(UNet(config), True)(torch.zeros(1, 1, 16, 16))]
    [(1, 2, 16, 16), (1, 2, 8, 8)]
    """

    def __init__(self, network: UNet | AddedNetwork, is_deep: bool, seed: int = 0) -> None:
        super().__init__()
        self.network = network
        config = network.config
        head = nn.Conv2d if config.dims == 2 else nn.Conv3d
        coarser = config.features[1:-1] if is_deep and isinstance(config, UNetConfig) else ()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.heads = nn.ModuleList(head(maps, config.out_channels, kernel_size=1) for maps in coarser)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the logits on each level, the finest first."""
        finest, *coarser = self.network.decoded(x)
        answers = [head(features) for head, features in zip(self.heads, coarser, strict=False)]
        return [self.network.answer(finest), *answers]


def supervised_loss(loss: Loss, whole: Compared, coarser: Sequence[Tensor]) -> Tensor:
    """Return the weighted mean of a loss over all levels: the finest weighs 1, the next 1/2, then 1/4...

    Parameters
    ----------
    loss
        The loss.
    whole
        The network's own answers beside the truth.
    coarser
        Logits of the coarser levels, (n, classes or masks, [z,] y, x) each.
    """
    levels = [whole, *(on_coarser_grid(whole, logits) for logits in coarser)]
    weights = [0.5**level for level in range(len(levels))]
    total = sum(weights)
    losses = [loss(answers) * (weight / total) for answers, weight in zip(levels, weights, strict=True)]
    return torch.stack(losses).sum() if coarser else losses[0]


def on_coarser_grid(whole: Compared, logits: Tensor) -> Compared:
    """Put coarser answers beside the shares that the classes or masks have in each of their voxels.

    Only known voxels count; a coarse voxel without any is unknown itself.
    """
    pool = functional.avg_pool2d if logits.ndim == 4 else functional.avg_pool3d
    factors = [fine // coarse for fine, coarse in zip(whole.truth.shape[2:], logits.shape[2:], strict=True)]
    known = pool(whole.known.float(), factors)
    shares = pool((whole.truth & whole.known).float(), factors) / known.clamp(min=torch.finfo().tiny)
    return Compared(logits.float(), shares, known > 0, whole.exclusive, whole.team, whole.both_ways)
