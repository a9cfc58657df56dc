"""Networks and what they see: a U-Net, and the way from grey values to its input."""

from cristae.networks.preprocessing import Frame, Preprocessing
from cristae.networks.statistics import ReadableImage, Statistics
from cristae.networks.unet import UNet, UNetConfig, build, halo, total_stride

__all__ = [
    "Frame",
    "Preprocessing",
    "ReadableImage",
    "Statistics",
    "UNet",
    "UNetConfig",
    "build",
    "halo",
    "total_stride",
]
