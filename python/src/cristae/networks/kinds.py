"""The kinds of network that a model can hold, by the "kind" of its record."""

from collections.abc import Mapping
from typing import Any

import torch

from cristae.geometry import Triple
from cristae.networks import unet
from cristae.networks.added import AddedConfig, AddedNetwork
from cristae.networks.filters import reach
from cristae.networks.forest import Forest, ForestConfig
from cristae.networks.unet import UNet, UNetConfig

type NetworkConfig = UNetConfig | AddedConfig | ForestConfig
type Network = UNet | AddedNetwork | Forest


def config_from(record: Mapping[str, Any]) -> NetworkConfig:
    """Read the network of a model record.

    Raises
    ------
    InvalidInput
        It is none that this version knows, or damaged.
    """
    kinds: dict[Any, type[NetworkConfig]] = {"forest": ForestConfig, "added": AddedConfig}
    return kinds.get(record.get("kind"), UNetConfig).from_dict(record)


def build(record: Mapping[str, Any]) -> Network:
    """Build the network that a model record names, with fresh weights."""
    return build_from(config_from(record))


def build_from(config: NetworkConfig) -> Network:
    """Build the network of a configuration, with fresh weights."""
    if isinstance(config, ForestConfig):
        return Forest(config)
    return AddedNetwork(config) if isinstance(config, AddedConfig) else UNet(config)


def weight_count(config: NetworkConfig) -> int:
    """Return how many numbers a training of the network learns.

    Examples
    --------
    >>> weight_count(UNetConfig(2, 1, 2, (4,), ((1, 3, 3),), ()))  # two convolutions, a shortcut, the head
    218
    """
    nowhere = torch.device("cpu" if isinstance(config, AddedConfig) else "meta")  # on meta nothing is made
    with nowhere, torch.random.fork_rng(devices=[]):
        network = build_from(config)
    return sum(weights.numel() for weights in network.parameters())


def halo(config: NetworkConfig) -> Triple:
    """Return how many input voxels (z, y, x) around a voxel can change its output, to either side."""
    if isinstance(config, ForestConfig):
        return 0, reach(config.sigmas), reach(config.sigmas)
    return config.halo_zyx if isinstance(config, AddedConfig) else unet.halo(config)


def total_stride(config: NetworkConfig) -> Triple:
    """Return the grid, in input voxels (z, y, x), on which tiles must start and end for exact results."""
    if isinstance(config, ForestConfig):
        return 1, 1, 1
    return config.stride_zyx if isinstance(config, AddedConfig) else unet.total_stride(config)
