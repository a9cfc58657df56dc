"""Networks and what they see: a U-Net, a random forest, and the way from grey values to their input."""

from cristae.networks.forest import Forest, ForestConfig
from cristae.networks.kinds import (
    Network,
    NetworkConfig,
    build,
    config_from,
    halo,
    total_stride,
    weight_count,
)
from cristae.networks.preprocessing import Frame, Preprocessing, broken_told
from cristae.networks.statistics import ReadableImage, Statistics
from cristae.networks.unet import UNet, UNetConfig

__all__ = [
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
    "broken_told",
    "build",
    "config_from",
    "halo",
    "total_stride",
    "weight_count",
]
