"""Networks and what they see: a U-Net, a random forest, and the way from grey values to their input."""

from cristae.networks.added import AddedConfig, AddedNetwork, added_config
from cristae.networks.forest import Forest, ForestConfig
from cristae.networks.kinds import (
    Network,
    NetworkConfig,
    build,
    build_from,
    config_from,
    halo,
    total_stride,
    weight_count,
)
from cristae.networks.preprocessing import Frame, Preprocessing, broken_in, broken_told
from cristae.networks.statistics import ReadableImage, Statistics
from cristae.networks.unet import UNet, UNetConfig

__all__ = [
    "AddedConfig",
    "AddedNetwork",
    "Forest",
    "ForestConfig",
    "Frame",
    "Network",
    "NetworkConfig",
    "Preprocessing",
    "ReadableImage",
    "Statistics",
    "UNet",
    "UNetConfig",
    "added_config",
    "broken_in",
    "broken_told",
    "build",
    "build_from",
    "config_from",
    "halo",
    "total_stride",
    "weight_count",
]
