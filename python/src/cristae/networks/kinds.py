"""The kinds of network that a model can hold, by the "kind" of its record."""

from collections.abc import Mapping
from typing import Any

import torch

from cristae.networks import unet
from cristae.networks.filters import reach
from cristae.networks.forest import Forest, ForestConfig
from cristae.networks.unet import UNet, UNetConfig

type NetworkConfig = UNetConfig | ForestConfig
type Network = UNet | Forest


def config_from(record: Mapping[str, Any]) -> NetworkConfig:
    """Read the network of a model record.

    Raises
    ------
    InvalidInput
        It is none that this version knows, or damaged.
    """
    return ForestConfig.from_dict(record) if record.get("kind") == "forest" else UNetConfig.from_dict(record)


def build(record: Mapping[str, Any]) -> Network:
    """Build the network that a model record names, with fresh weights."""
    config = config_from(record)
    return Forest(config) if isinstance(config, ForestConfig) else UNet(config)


def weight_count(config: NetworkConfig) -> int:
    """Return how many numbers a training of the network learns.

    Examples
    --------
    >>> weight_count(UNetConfig(2, 1, 2, (4,), ((1, 3, 3),), ()))  # two convolutions, a shortcut, the head
    218
    """
    with torch.device("meta"):  # nothing is made
        network = Forest(config) if isinstance(config, ForestConfig) else UNet(config)
    return sum(weights.numel() for weights in network.parameters())


def halo(config: NetworkConfig) -> unet.Triple:
    """Return how many input voxels (z, y, x) around a voxel can change its output, to either side."""
    if isinstance(config, ForestConfig):
        return 0, reach(config.sigmas), reach(config.sigmas)
    return unet.halo(config)


def total_stride(config: NetworkConfig) -> unet.Triple:
    """Return the grid, in input voxels (z, y, x), on which tiles must start and end for exact results."""
    return (1, 1, 1) if isinstance(config, ForestConfig) else unet.total_stride(config)
