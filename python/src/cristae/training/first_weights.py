"""The weights that a training begins with: fresh ones, or those of the model that it goes on from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cristae.errors import CorruptData
from cristae.geometry import Triple
from cristae.models.answers import may_overlap
from cristae.networks import (
    AddedConfig,
    AddedNetwork,
    Forest,
    ForestConfig,
    UNet,
    UNetConfig,
    build_from,
    config_from,
)
from cristae.training.request import StartingModel
from cristae.training.starting import matching_rows

_HEAD = "head."


def network_of(start_from: StartingModel, outputs: int, upscale_zyx: Triple) -> UNetConfig | AddedConfig:
    """Return the network of a model with other answers: so many, on this grid."""
    theirs = config_from(start_from.record["network"])
    assert not isinstance(theirs, ForestConfig)  # noqa: S101 - it was refused before
    return replace(theirs, out_channels=outputs, upscale_zyx=upscale_zyx)


def first_network(
    config: UNetConfig | AddedConfig,
    seed: int,
    start_from: StartingModel | None = None,
    classes: Sequence[str] = (),
) -> UNet | AddedNetwork:
    """Return the network with its first weights.

    Parameters
    ----------
    config
        The network; for a model to go on from, what :func:`network_of` made of its own.
    seed
        For fresh weights.
    start_from
        The model to go on from. Where the classes are its own, the network answers as that does.
    classes
        Names of the classes or masks of this training, without the background.

    Raises
    ------
    CorruptData
        The model's weights do not fit its own network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_from(config)
    assert not isinstance(network, Forest)  # noqa: S101 - forests grow
    if start_from is None:
        return network
    theirs = start_from.weights()
    positions = prod(int(side) for side in start_from.record["network"]["upscale_zyx"])
    rows = _rows(start_from.record, classes, has_background=config.out_channels > len(classes))
    own = network.state_dict()
    heads = {
        name: _head(own[name], theirs[name], rows, positions, prod(config.upscale_zyx))
        for name in own
        if name.startswith(_HEAD) and name in theirs
    }
    kept = {n: torch.from_numpy(np.array(w)) for n, w in theirs.items() if not n.startswith(_HEAD)}
    try:
        network.load_state_dict(kept | heads)
    except RuntimeError as error:
        raise CorruptData(
            f"The weights of the model {start_from.name!r} do not fit its own network. The package is "
            "damaged; start from another model."
        ) from error
    return network


def _rows(record: Mapping[str, Any], classes: Sequence[str], has_background: bool) -> list[int | None]:
    """Return for each answer of the network which answer of the model it is."""
    rows = matching_rows([str(entry["name"]) for entry in record["classes"]], classes)
    first = 0 if may_overlap(record) else 1  # the background comes first
    found = [None if row is None else row + first for row in rows]
    return [0 if first else None, *found] if has_background else found


def _head(
    fresh: Tensor, theirs: NDArray[Any], rows: Sequence[int | None], their_positions: int, positions: int
) -> Tensor:
    """Return a tensor of the last layer: rows of the model where it knows the class, else fresh ones.

    A row holds the answers for each voxel that a voxel of the input stands for. If those are others than in
    the model, each gets the mean of the model's.
    """
    row_shape = fresh.shape[1:]
    known = torch.from_numpy(np.array(theirs)).view(-1, their_positions, *row_shape)
    ours = fresh.clone().view(-1, positions, *row_shape)
    for number, row in enumerate(rows):
        if row is not None:
            ours[number] = known[row] if positions == their_positions else known[row].mean(dim=0)
    return ours.flatten(0, 1)


def frozen(network: UNet | AddedNetwork, freeze: str) -> None:
    """Keep a part of the network from learning: "none" or "encoder"."""
    for part in _kept(network, freeze):
        part.requires_grad_(False)


def set_to_train(network: UNet | AddedNetwork, freeze: str) -> None:
    """Set the network to training, but for the statistics of a part that is kept from learning."""
    network.train()
    for part in _kept(network, freeze):
        part.eval()


def _kept(network: UNet | AddedNetwork, freeze: str) -> Sequence[nn.Module]:
    if freeze == "none":
        return ()
    return (network.encoder, network.deeper) if isinstance(network, UNet) else (network.body,)
