"""Fresh weights, or those of a model to start from."""

import torch

from cristae.errors import InvalidInput
from cristae.networks import ForestConfig, UNet, UNetConfig, config_from
from cristae.training.request import StartingModel


def first_network(
    config: UNetConfig, seed: int, start_from: StartingModel | None, channels: int
) -> tuple[UNet, tuple[str, ...]]:
    """Return the network with its first weights, and what is worth telling about them.

    Parameters
    ----------
    config
        The network.
    seed
        For fresh weights.
    start_from
        The model to start from.
    channels
        Of the images; with context sections the network sees more.

    Raises
    ------
    InvalidInput
        The model to start from sees other dimensions or channels.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(config)
    if start_from is None:
        return network, ()
    theirs = config_from(start_from.record["network"])
    if isinstance(theirs, ForestConfig):
        raise InvalidInput(
            f"The model {start_from.name!r} is a random forest, which has no weights to start from. Start "
            "from a network, or without a model."
        )
    if theirs.dims != config.dims:
        raise InvalidInput(
            f"The model {start_from.name!r} works in {theirs.dims}D, this training in {config.dims}D. "
            f"Set dimensions={theirs.dims}, or start from another model."
        )
    their_channels = start_from.record["channels"]
    if their_channels != channels:
        raise InvalidInput(
            f"The model {start_from.name!r} was trained on images with {_channels(their_channels)}, these "
            f"have {_channels(channels)}. Train on images with as many, or start from another model."
        )
    if theirs.in_channels != config.in_channels:
        raise InvalidInput(
            f"The model {start_from.name!r} sees {theirs.in_channels} channels with its neighbour sections, "
            f"this training {config.in_channels}. Set context to match, or start from another model."
        )
    own = network.state_dict()
    same = {
        name: torch.from_numpy(weights.copy())
        for name, weights in start_from.weights().items()
        if name in own and tuple(own[name].shape) == tuple(weights.shape)
    }
    network.load_state_dict(own | same)
    if not any(name.startswith("encoder") for name in same):
        raise InvalidInput(
            f"No weight of the model {start_from.name!r} fits this network: set features and levels to "
            "its own."
        )
    missing = sorted(set(own) - set(same))
    told = [f"The training starts from the weights of {start_from.name!r}."]
    if any(name.startswith("head") for name in missing):
        told.append("Its last layer is new, because the classes or the working voxel size differ.")
    if any(not name.startswith("head") for name in missing):
        told.append(f"{len(missing)} of {len(own)} tensors do not fit and start anew.")
    return network, tuple(told)


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
