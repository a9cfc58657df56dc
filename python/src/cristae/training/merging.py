"""Search up to which boundary bodies are joined, on the part that the network never trained on."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cristae.geometry import Box, Triple
from cristae.labels.merging import MergeLimit, best_limit, tried_limits
from cristae.networks import total_stride
from cristae.training.patches import Patches
from cristae.training.plan import Plan
from cristae.training.regions import Region
from cristae.training.sampling import validation_boxes

_BLOCK_VOXELS, _DEEPEST_BLOCK = 2**19, 32
_MOST_VOXELS = 2**21
"""In all blocks: some seconds on a CPU."""

_INTERIOR, _BOUNDARY = 1, 2


def searched_limit(
    network: nn.Module, weights: Mapping[str, Tensor], plan: Plan, patches: Patches, device: torch.device
) -> MergeLimit:
    """Return the limit with which the objects of the part held out come out best.

    Parameters
    ----------
    network, weights
        What was trained on instances, and the weights that are the model; they are put into the network.
    plan, patches
        Of the training.
    device
        Where the network is.
    """
    network.load_state_dict(dict(weights))
    network.eval()
    stride, down = total_stride(plan.network), plan.choices.downsample_zyx
    z, y, x = (s * d for s, d in zip(stride, down, strict=True))
    tried = []
    for index, box in _blocks(patches, (z, y, x)):
        region = patches.regions[index]
        prob = _probabilities(network, patches, index, box, (z, y, x), plan.choices.batch, device)
        truth = region.held_out_ids(box)
        tried.append(tried_limits(prob[_INTERIOR], prob[_BOUNDARY], truth, region.reading.voxel_size))
    return best_limit(tried)


def _blocks(patches: Patches, step_zyx: Triple) -> Iterator[tuple[int, Box]]:
    """Yield blocks of the parts held out, as large as objects need, spread evenly."""
    held = [index for index, region in enumerate(patches.regions) if region.held_out is not None]
    for index in held:
        region = patches.regions[index]
        sizes = _sizes(region, step_zyx)
        most = max(1, _MOST_VOXELS // len(held) // math.prod(sizes))
        for box in validation_boxes(region, sizes, most, len(patches.reading.classes) + 1):
            yield index, box


def _sizes(region: Region, step_zyx: Triple) -> Triple:
    assert region.held_out is not None  # noqa: S101 - asked for by the caller
    depth, height, width = region.held_out.shape
    depth = min(depth, _DEEPEST_BLOCK)
    side = math.isqrt(_BLOCK_VOXELS // depth)
    wanted = (depth, min(height, side), min(width, side))
    z, y, x = (-(-size // step) * step for size, step in zip(wanted, step_zyx, strict=True))
    return z, y, x


@torch.inference_mode()
def _probabilities(
    network: nn.Module,
    patches: Patches,
    index: int,
    box: Box,
    step_zyx: Triple,
    batch: int,
    device: torch.device,
) -> NDArray[np.float32]:
    """Return what the network says of a box with some context around it: (classes, z, y, x), 0 to 1."""
    margin = tuple(2 * step if step > 1 else 0 for step in step_zyx)
    wide = box.grown(margin)
    inputs, _ = patches.reader.read(index, wide)
    parts = [
        torch.softmax(network(part.to(device)).float(), dim=1).cpu()
        for part in torch.split(torch.from_numpy(inputs), batch)
    ]
    together = torch.cat(parts)
    said = together.movedim(0, 1) if together.ndim == 4 else together[0]
    steps: NDArray[np.float32] = (said[(slice(None), *box.relative_to(wide).slices)] * 255).round().numpy()
    return steps / np.float32(255)  # in the steps of a prediction
