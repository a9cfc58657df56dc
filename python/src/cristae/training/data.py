"""Batches: from the places of patches to tensors, and the fixed patches of the validation."""

import math
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cristae.geometry import Box
from cristae.memory import available_bytes
from cristae.networks import Frame, NetworkConfig, Preprocessing, total_stride
from cristae.networks.devices import reading_threads
from cristae.training.regions import Region
from cristae.training.sampling import Place, validation_boxes
from cristae.training.share import WHOLE, Share


class Sampler(Protocol):
    """What says where the patches of a step lie."""

    patch_zyx: tuple[int, ...]

    def draw(self, step: int, count: int) -> list[Place]:
        """Return the places of the patches of a step, counted from 1."""


_CPU = torch.device("cpu")

type Arrays = tuple[NDArray[np.float32], NDArray[np.integer[Any]]]


class PatchReader:
    """Reads patches of the regions as the network sees them.

    Parameters
    ----------
    regions
        The annotated images.
    preprocessing, network
        Of the plan.
    """

    def __init__(
        self, regions: Sequence[Region], preprocessing: Preprocessing, network: NetworkConfig
    ) -> None:
        self.regions = regions
        self.preprocessing = preprocessing
        self._dims = network.dims
        self._frames = [Frame(region.image, preprocessing, total_stride(network)) for region in regions]

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return max(region.image.shape_czyx[0] for region in self.regions)

    def read(self, region: int, box: Box, *, validation: bool = False) -> Arrays:
        """Return input (n, c, [z,] y, x) and targets (n, [z,] y, x) of a box; n is 1, or z in 2D.

        For affinities the targets are the numbers of objects, in 2D (n, 3, y, x): of each section with those
        before and behind it.
        """
        one = self.regions[region]
        if not one.reading.offsets:
            targets: NDArray[np.integer[Any]] = one.targets(box, validation=validation)
            return self._frames[region].read(box), targets if self._dims == 2 else targets[None]
        if self._dims == 3:
            return self._frames[region].read(box), one.ids(box, validation=validation)[None]
        wide = one.ids(box.grown((1, 0, 0)), validation=validation)
        return self._frames[region].read(box), np.stack([wide[z : z + 3] for z in range(box.shape[0])])


def training_batches(
    reader: PatchReader,
    sampler: Sampler,
    batch: int,
    first_step: int,
    share: Share = WHOLE,
    *,
    device: torch.device = _CPU,
) -> Generator[tuple[int, Tensor, Tensor]]:
    """Yield step, input and targets for ever, from a step on; the next batch is read ahead.

    Of a share, `batch` is how many patches it has: the places of all are drawn, and its own are read. For a
    GPU, which takes some milliseconds for a step, several threads read.

    Raises
    ------
    torch.OutOfMemoryError
        The machine has too little memory to read such a batch: nothing is read.
    """
    if _bytes_to_read(batch, reader.channels, sampler.patch_zyx) > available_bytes():
        raise torch.OutOfMemoryError("The batch would take more memory than this machine has left.")

    def drawn(step: int) -> list[Place]:
        return sampler.draw(step, share.parts * batch)[share.own(batch)]

    def patch(place: Place) -> Arrays:
        stop = tuple(s + p for s, p in zip(place.start_zyx, sampler.patch_zyx, strict=True))
        return reader.read(place.region, Box(place.start_zyx, stop))

    def prepared(places: Sequence[Place]) -> tuple[Tensor, Tensor]:
        inputs, targets = zip(*readers.map(patch, places), strict=True)
        batch = torch.from_numpy(np.concatenate(inputs)), torch.from_numpy(np.concatenate(targets))
        return (batch[0].pin_memory(), batch[1].pin_memory()) if device.type == "cuda" else batch

    with (
        ThreadPoolExecutor(reading_threads(device), "patches") as readers,
        ThreadPoolExecutor(1, "batches") as pool,
    ):
        step, coming = first_step, pool.submit(prepared, drawn(first_step))
        while True:
            inputs, targets = coming.result()
            coming = pool.submit(prepared, drawn(step + 1))
            yield step, inputs, targets
            step += 1


def _bytes_to_read(patches: int, channels: int, patch_zyx: Sequence[int]) -> int:
    """Return what a batch takes before the network sees it: 6 times its size.

    Measured are 3.8 times, as the next one is read ahead, and 5.3 while its variants are made.
    """
    return 6 * patches * channels * math.prod(patch_zyx) * np.dtype(np.float32).itemsize


def validation_batches(
    reader: PatchReader, patch_zyx: Sequence[int], step_zyx: Sequence[int], most_voxels: int, classes: int
) -> list[tuple[Tensor, Tensor]]:
    """Return the fixed patches of the held-out boxes, input and targets, some million voxels at most.

    The patches are no larger than the held-out box with some context around it.
    """
    found: list[tuple[Tensor, Tensor]] = []
    with_block = [i for i, region in enumerate(reader.regions) if region.held_out is not None]
    for index in with_block:
        region = reader.regions[index]
        assert region.held_out is not None  # noqa: S101 - just chosen so
        sizes = []
        for size, held, step in zip(patch_zyx, region.held_out.shape, step_zyx, strict=True):
            with_context = held + 4 * step if step > 1 else held
            sizes.append(min(size, -(-with_context // step) * step))
        most = max(1, most_voxels // len(with_block) // int(np.prod(sizes)))
        for box in validation_boxes(region, sizes, most, classes):
            inputs, targets = reader.read(index, box, validation=True)
            found.append((torch.from_numpy(inputs), torch.from_numpy(targets)))
    return found
