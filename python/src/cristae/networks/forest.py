"""A random forest on multi-scale features, in the form of a network: grey values in, logits out.

So it is stored, tiled and predicted as every network is. It learns in seconds from a few strokes; a U-Net
that had some minutes is better.

Sources: L. Breiman, Random forests, Machine Learning 45 (2001); its use on filtered microscope images: S.
Berg et al., ilastik, Nature Methods 16 (2019).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cristae.errors import InvalidInput
from cristae.networks.filters import FILTERS, FilterBank

_LEAST_SHARE = 1e-3
"""Trees that all agree are not taken for certainty."""

_PIXELS_AT_ONCE = 1024
"""Their features stay in a CPU's cache while all trees look at them."""


@dataclass(frozen=True)
class ForestConfig:
    """Everything that defines a forest but its trees.

    Parameters
    ----------
    in_channels, out_channels
        Image channels times the sections seen at once; classes with the background, or masks.
    sigmas
        The scales of the features, in pixels.
    trees, nodes, depth
        Number of trees; room for nodes in each; steps from a root to the farthest leaf.
    exclusive
        Whether the classes exclude each other: logits are then log-probabilities; of masks they are log-odds.
    """

    in_channels: int
    out_channels: int
    sigmas: tuple[float, ...]
    trees: int
    nodes: int
    depth: int
    exclusive: bool = True

    def __post_init__(self) -> None:
        sizes = (self.in_channels, self.out_channels, self.trees, self.depth)
        fits = all(1 <= size <= 4096 for size in sizes) and 1 <= self.nodes <= 1 << 20
        if not fits or not 1 <= len(self.sigmas) <= 16 or not all(0.3 <= s <= 64 for s in self.sigmas):
            raise InvalidInput("The model's random forest has sizes that cannot be. The package is damaged.")

    dims = 2
    upscale_zyx = (1, 1, 1)

    @property
    def numbers_a_voxel(self) -> int:
        """About how many numbers the forest holds for a pixel at its widest moment."""
        return 3 * self.features + 3 * self.out_channels + 8

    @property
    def features(self) -> int:
        """Numbers that describe a pixel."""
        return self.in_channels * len(self.sigmas) * len(FILTERS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"kind": "forest", **asdict(self), "sigmas": list(self.sigmas)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "ForestConfig":
        """Read what :meth:`to_dict` wrote; anything else raises :class:`InvalidInput`."""
        if record.get("kind") != "forest" or set(record) != {*cls.__dataclass_fields__, "kind"}:
            raise InvalidInput("The model's network is not one that this version knows. Update Cristae.")
        try:
            whole = {
                name: int(record[name]) for name in ("in_channels", "out_channels", "trees", "nodes", "depth")
            }
            sigmas = tuple(float(sigma) for sigma in record["sigmas"])
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The model's network is damaged: {error}.") from error
        return cls(**whole, sigmas=sigmas, exclusive=bool(record["exclusive"]))


class Forest(nn.Module):
    """The forest: (n, in_channels, y, x) to logits (n, out_channels, y, x).

    Its state holds, for each tree and node, the feature that is compared with a threshold, the nodes to go on
    with where it is at most that or above, and the shares of the classes there. A leaf leads to itself.
    """

    feature: Tensor
    threshold: Tensor
    below: Tensor
    above: Tensor
    shares: Tensor

    def __init__(self, config: ForestConfig) -> None:
        super().__init__()
        self.config = config
        self.filters = FilterBank(config.sigmas)
        size = (config.trees, config.nodes)
        self.register_buffer("feature", torch.zeros(size, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(size))
        self.register_buffer("below", torch.zeros(size, dtype=torch.int32))
        self.register_buffer("above", torch.zeros(size, dtype=torch.int32))
        self.register_buffer("shares", torch.full((*size, config.out_channels), 1 / config.out_channels))
        self.register_load_state_dict_post_hook(_refuse_ways_out)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of (n, c, y, x)."""
        n, _, height, width = x.shape
        features = self.filters(x).flatten(2)  # n, features, pixels
        tables = self._tables()
        shares = torch.cat(
            [
                self._mean_shares(part.T.contiguous(), *tables)
                for one in features
                for part in one.split(_PIXELS_AT_ONCE, dim=1)
            ]
        )
        shares = shares.clamp(_LEAST_SHARE, 1 - _LEAST_SHARE)
        logits = shares.log() if self.config.exclusive else shares.logit()
        return logits.reshape(n, height, width, -1).permute(0, 3, 1, 2)

    def _tables(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return all trees as one: feature and threshold of each node, its two ways on, its shares."""
        roots = (
            torch.arange(self.config.trees, device=self.below.device, dtype=torch.int32) * self.config.nodes
        )
        ways = torch.stack((self.below, self.above), dim=2) + roots[:, None, None]
        return self.feature.flatten(), self.threshold.flatten(), ways.flatten(), self.shares.flatten(0, 1)

    def _mean_shares(
        self, features: Tensor, feature: Tensor, threshold: Tensor, ways: Tensor, shares: Tensor
    ) -> Tensor:
        """Return the shares (pixels, out_channels) for features (pixels, features)."""
        pixels, count = features.shape
        values = features.flatten()
        row = torch.arange(pixels, device=values.device, dtype=torch.int32).repeat(self.config.trees) * count
        roots = torch.arange(self.config.trees, device=values.device, dtype=torch.int32) * self.config.nodes
        node = roots.repeat_interleave(pixels)
        for _ in range(self.config.depth):
            value = values.index_select(0, row + feature.index_select(0, node))
            node = ways.index_select(0, 2 * node + (value > threshold.index_select(0, node)))
        return shares.index_select(0, node).reshape(self.config.trees, pixels, -1).mean(dim=0)


def _refuse_ways_out(forest: nn.Module, _keys: object) -> None:
    """Refuse trees whose nodes lead to nodes, or look at features, that are not there."""
    assert isinstance(forest, Forest)  # noqa: S101 - registered by it
    for table, limit in (
        (forest.below, forest.config.nodes),
        (forest.above, forest.config.nodes),
        (forest.feature, forest.config.features),
    ):
        if int(table.min()) < 0 or int(table.max()) >= limit:
            raise RuntimeError("A node of the random forest leads out of its tree.")
