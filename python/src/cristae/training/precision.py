"""Whether a training computes in bfloat16: where that is quicker, and right."""

from itertools import accumulate
from operator import floordiv

import torch

from cristae.networks import AddedConfig, UNetConfig
from cristae.networks.devices import bfloat16_pays
from cristae.training.choices import Choices


def precision_is_mixed(choices: Choices, network: UNetConfig | AddedConfig, device: torch.device) -> bool:
    """Tell whether convolutions are computed in bfloat16, as was asked or as a short trial says."""
    if choices.precision != "auto":
        return choices.precision == "bfloat16"
    # On one thread of a CPU, torch 2.15 gets the gradients of convolutions over two sections wrong in
    # bfloat16, by up to 1e30.
    finest = choices.patch_zyx[0] // choices.downsample_zyx[0]
    if isinstance(network, AddedConfig):
        may_be_two = True  # it does not tell what its levels see
    else:
        sections = accumulate((stride[0] for stride in network.strides_zyx), floordiv, initial=finest)
        may_be_two = 2 in sections
    if device.type == "cpu" and network.dims == 3 and may_be_two:
        return False
    return bfloat16_pays(network.dims, device)
