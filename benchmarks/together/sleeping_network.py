"""A network that sleeps, as the owner of a home adds one: a prediction takes time, and hardly a processor.

What it computes is trivial, but not the same if a tile begins a voxel further on, or has too little context.
``SLEEP_S`` says how long a tile takes, and ``SLEEP_LOG`` names a file that gets a line for each tile that
begins: the number of the process and the CRC-32 of the tile's input.
"""

import os
import time
import zlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

import cristae


class Sleeping(nn.Module):
    """Compares a voxel with the one a section above, two rows below and three columns to the left."""

    maps, halo_zyx, stride_zyx = 2, (1, 2, 3), (1, 1, 1)

    def __init__(self, dims: int, in_channels: int, features: int, levels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Sleep, and turn (n, 1, z, y, x) into two maps of opposite signs."""
        if log := os.environ.get("SLEEP_LOG"):
            with Path(log).open("ab", buffering=0) as file:
                file.write(b"%d %d\n" % (os.getpid(), zlib.crc32(x.contiguous().numpy())))
        time.sleep(float(os.environ.get("SLEEP_S", "0")))
        around = pad(x, (3, 0, 0, 2, 1, 0), mode="replicate")
        difference = x - around[..., : x.shape[-3], 2:, : x.shape[-1]]
        return torch.cat([difference, -difference], dim=1)


cristae.register_network("sleeping", Sleeping)
