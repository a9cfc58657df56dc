"""A network that the owner of the home added: theirs makes the features, the last layer is Cristae's own.

What is registered with :func:`cristae.register_network` is called with ``dims`` (2 or 3), ``in_channels``,
``features`` and ``levels`` (as a person chose them; it may do with them what it likes) and returns a
``torch.nn.Module``. That turns (n, in_channels, [z,] y, x) into (n, maps, [z,] y, x), and tells of itself

- ``maps``: how many feature maps it returns;
- ``halo_zyx``: how many voxels (z, y, x) around a voxel can change its features, to either side;
- ``stride_zyx``: of which numbers of voxels its input must be a multiple (z, y, x).

Whether its features depend on more than the halo is tried out before a training: with that, tiles would show.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cristae import extensions
from cristae.errors import InvalidInput
from cristae.geometry import Triple
from cristae.memory import ran_out
from cristae.networks.unet import last_layer, spread

_TOLERANCE = 1e-4
_TRIED = 8
"""Inputs."""


@dataclass(frozen=True)
class AddedConfig:
    """Everything that defines such a network but its code; a model package stores it as plain JSON.

    Parameters
    ----------
    name
        By which it is registered.
    dims, in_channels, out_channels, upscale_zyx
        As of :class:`~cristae.networks.UNetConfig`.
    features, levels
        Given to the owner's code.
    halo_zyx, stride_zyx
        As the network told.
    """

    name: str
    dims: int
    in_channels: int
    out_channels: int
    features: int
    levels: int
    halo_zyx: Triple
    stride_zyx: Triple
    upscale_zyx: Triple = (1, 1, 1)

    def __post_init__(self) -> None:
        counts = (self.in_channels, self.out_channels, self.features, self.levels)
        sizes = (*self.stride_zyx, *self.upscale_zyx)
        fits = all(1 <= count <= 4096 for count in counts) and all(1 <= size <= 1024 for size in sizes)
        if self.dims not in (2, 3) or not fits or not all(0 <= reach <= 4096 for reach in self.halo_zyx):
            raise InvalidInput(f"The network {self.name!r} has sizes that cannot be.")
        flat = self.halo_zyx[0] == 0 and self.stride_zyx[0] == self.upscale_zyx[0] == 1
        if self.dims == 2 and not flat:
            raise InvalidInput(
                f"The network {self.name!r} sees sections one by one: along z its halo is 0 and its stride 1."
            )

    @property
    def numbers_a_voxel(self) -> int:
        """About how many numbers the network holds for an input voxel: a guess, as for a U-Net."""
        return 7 * self.features + 3 * self.out_channels * prod(self.upscale_zyx) + self.in_channels

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as :meth:`from_dict` takes them."""
        values = asdict(self)
        return {"kind": "added", **{k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "AddedConfig":
        """Read what :meth:`to_dict` wrote; anything else raises :class:`InvalidInput`."""
        if set(record) != {*cls.__dataclass_fields__, "kind"}:
            raise InvalidInput("The model's network is not one that this version knows. Update Cristae.")
        try:
            dims, inputs, outputs, features, levels = (
                int(record[n]) for n in ("dims", "in_channels", "out_channels", "features", "levels")
            )
            halo, stride, upscale = (_triple(record[n]) for n in ("halo_zyx", "stride_zyx", "upscale_zyx"))
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The model's network is damaged: {error}.") from error
        return cls(str(record["name"]), dims, inputs, outputs, features, levels, halo, stride, upscale)


class AddedNetwork(nn.Module):
    """The owner's network with a last layer: (n, c, [z,] y, x) to logits, as of a U-Net.

    Attributes
    ----------
    source_digest
        SHA-256 of the source of the owner's network; see :func:`cristae.extensions.digest_of`.
    """

    def __init__(self, config: AddedConfig) -> None:
        super().__init__()
        self.config = config
        self.source_digest = extensions.digest_of("network", config.name)
        self.body = _built(config.name, config.dims, config.in_channels, config.features, config.levels)
        self._maps: int = _told(config.name, self.body, "maps", int)
        self.head = last_layer(config.dims, self._maps, config.out_channels, config.upscale_zyx)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of (n, c, [z,] y, x)."""
        return self.answer(self.decoded(x)[0])

    def decoded(self, x: Tensor) -> list[Tensor]:
        """Return the features of the only level that there is, (n, maps, [z,] y, x)."""
        try:
            features = self.body(x)
        except Exception as error:
            if ran_out(error):  # whoever computes knows what to do
                raise
            raise _failed(self.config.name, error, type(self.body).forward) from error
        wanted = (len(x), self._maps, *x.shape[2:])
        if tuple(features.shape) != wanted:
            raise InvalidInput(
                f"The network {self.config.name!r} made {tuple(features.shape)} of {tuple(x.shape)}, where "
                f"{wanted} was expected: as many voxels as it was given, and the feature maps that it tells."
            )
        return [features]

    def answer(self, finest: Tensor) -> Tensor:
        """Return the logits that follow from the features."""
        return spread(self.head(finest), self.config.upscale_zyx[-self.config.dims :])


def added_config(
    name: str,
    *,
    dims: int,
    in_channels: int,
    out_channels: int,
    features: int,
    levels: int,
    upscale_zyx: Triple,
) -> AddedConfig:
    """Build the owner's network once, ask it about itself, and try whether that is true.

    Raises
    ------
    InvalidInput
        Nothing is registered by this name, or it is not what it should be; the sentence says why.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same file is judged alike each time
        body = _built(name, dims, in_channels, features, levels)
        halo: Triple = _told(name, body, "halo_zyx", _triple)
        stride: Triple = _told(name, body, "stride_zyx", _triple)
        config = AddedConfig(
            name, dims, in_channels, out_channels, features, levels, halo, stride, upscale_zyx
        )
        _try_out(config)
    return config


def _try_out(config: AddedConfig) -> None:
    """Refuse a network whose answers depend on voxels beyond its halo."""
    network = AddedNetwork(config).eval()
    halo, stride = config.halo_zyx[-config.dims :], config.stride_zyx[-config.dims :]
    # A cell of the grid in the middle, its halo around it, and at least a cell more on each side.
    before = [(-(-reach // step) + 1) * step for reach, step in zip(halo, stride, strict=True)]
    shape = [2 * first + step for first, step in zip(before, stride, strict=True)]
    # With some weights and voxels a rectified network answers 0, whatever lies far away: hence several.
    x = torch.randn(_TRIED, config.in_channels, *shape)
    other = torch.randn_like(x) + 1.0
    all_maps = (slice(None), slice(None))
    cell = [slice(first, first + step) for first, step in zip(before, stride, strict=True)]
    near = (*all_maps, *(slice(one.start - r, one.stop + r) for one, r in zip(cell, halo, strict=True)))
    other[near] = x[near]
    with torch.inference_mode():
        one, two = (network.decoded(each)[0][(*all_maps, *cell)] for each in (x, other))
    if not torch.allclose(one, two, rtol=_TOLERANCE, atol=_TOLERANCE * float(one.abs().max())):
        raise InvalidInput(
            f"The network {config.name!r} says that voxels more than {config.halo_zyx} (z, y, x) away do not "
            "matter for a voxel, but they change its features: tiles would show. Tell a larger halo_zyx; and "
            "normalise with fixed numbers (batch normalisation), not with those of what lies in the tile."
        )


def _built(name: str, dims: int, in_channels: int, features: int, levels: int) -> nn.Module:
    make = extensions.added("network", name)
    try:
        body = make(dims=dims, in_channels=in_channels, features=features, levels=levels)
    except Exception as error:
        raise _failed(name, error, make) from error
    if not isinstance(body, nn.Module):
        raise InvalidInput(f"The network {name!r} is a {type(body).__name__}, not a torch.nn.Module.")
    return body


def _told(name: str, body: nn.Module, what: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(getattr(body, what))
    except (AttributeError, TypeError, ValueError) as error:
        expected = "a whole number" if read is int else "three whole numbers (z, y, x)"
        raise InvalidInput(f"The network {name!r} does not tell its {what}, {expected}.") from error


def _failed(name: str, error: Exception, called: Any) -> InvalidInput:
    return InvalidInput(f"The network {name!r} failed: {extensions.failure_told(error, called)}")


def _triple(values: Any) -> Triple:
    z, y, x = (int(v) for v in values)
    return z, y, x
