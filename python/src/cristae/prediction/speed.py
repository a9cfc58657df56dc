"""How fast a device predicts tiles of a size, and in what memory."""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from cristae.geometry import Box, Triple
from cristae.networks import Frame
from cristae.prediction.devices import reading_of, voxels_at_once
from cristae.prediction.predictor import Predictor
from cristae.prediction.tiling import tiling

_ROUNDS = 3


@dataclass(frozen=True)
class TileSpeed:
    """What a tile takes.

    Parameters
    ----------
    tile_zyx
        Its shape, in voxels of the image.
    voxels_per_s
        Voxels of the tile, halo included, a second.
    memory_bytes
        The most memory of the device that was taken; None on a CPU.
    """

    tile_zyx: Triple
    voxels_per_s: float
    memory_bytes: int | None

    def __str__(self) -> str:
        """Return it in words."""
        size = " x ".join(map(str, self.tile_zyx))
        memory = "" if self.memory_bytes is None else f", {self.memory_bytes / 2**30:.1f} GiB"
        return f"tiles of {size}: {self.voxels_per_s / 1e6:.1f} million voxels a second{memory}"


def tile_speed(predictor: Predictor, frame: Frame, shape_zyx: Triple, share: float) -> TileSpeed:
    """Measure a tile that has a share of the voxels that fit on the device.

    Parameters
    ----------
    predictor
        A network on its device.
    frame
        Any image, as the network sees it: for grid and halo.
    shape_zyx
        The volume that would be cut into such tiles, in voxels.
    share
        Of the voxels that fit, 0 to 1.
    """
    device = predictor.device
    most = voxels_at_once(predictor.config, device) * int(np.prod(predictor.preprocessing.downsample_zyx))
    halo = frame.halo_zyx(predictor.halo_zyx)
    tile_zyx = tiling(
        shape_zyx,
        frame.step_zyx,
        halo,
        most_voxels=int(share * most),
        reading=reading_of(frame.preprocessing, device),
    ).tile_zyx
    blank = predictor.blank(tile_zyx)
    is_gpu = device.type == "cuda"
    if is_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(1 + _ROUNDS):  # the first call is slower
        start = time.perf_counter()
        predictor.predict(blank, "labels", Box.of_shape(tile_zyx))
        seconds.append(time.perf_counter() - start)
    memory = torch.cuda.max_memory_allocated(device) if is_gpu else None
    return TileSpeed(tile_zyx, float(np.prod(tile_zyx)) / median(seconds[1:]), memory)
