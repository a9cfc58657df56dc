"""A residual U-Net for sections and volumes, whose output does not depend on the tile.

The story from top to bottom: a configuration says everything (:class:`UNetConfig`), arithmetic on it says how
far the network sees (:func:`halo`) and on which grid tiles must lie (:func:`total_stride`), and :class:`UNet`
is the network.

Two choices make exact tiling possible. Normalisation is batch normalisation, which uses fixed numbers once
the training is over, whatever else lies in the tile. Every step down or up moves whole cells of a fixed grid,
so that a tile which starts on this grid computes what the whole volume would have computed.

The head can answer on a finer grid than the input (``upscale_zyx``): each input voxel then predicts its own
block of output voxels ("sub-pixel"). Coarse inputs are quick, and the edges of objects still lie where they
were drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cristae.errors import InvalidInput
from cristae.geometry import Triple


@dataclass(frozen=True)
class UNetConfig:
    """Everything that defines a U-Net; a model package stores it as plain JSON.

    Parameters
    ----------
    dims
        2: sections are seen one by one, input (n, c, y, x). 3: volumes, input (n, c, z, y, x).
    in_channels, out_channels
        Image channels (times the sections seen at once, for ``dims=2``), and classes with the background.
    features
        Feature maps of each level, the finest first.
    kernels_zyx
        Kernel size of each level, odd numbers; the finest first. For ``dims=2`` the z entries are 1.
    strides_zyx
        Reduction from each level to the next coarser one; one entry fewer than ``features``.
    upscale_zyx
        Output voxels along each axis for one input voxel.
    blocks
        Residual blocks on each level of the encoder.

    Examples
    --------
    >>> config = UNetConfig(dims=2, in_channels=1, out_channels=2, features=(4, 8),
    ...                     kernels_zyx=((1, 3, 3), (1, 3, 3)), strides_zyx=((1, 2, 2),))
    >>> UNet(config)(torch.zeros(1, 1, 8, 8)).shape
    torch.Size([1, 2, 8, 8])
    """

    dims: int
    in_channels: int
    out_channels: int
    features: tuple[int, ...]
    kernels_zyx: tuple[Triple, ...]
    strides_zyx: tuple[Triple, ...]
    upscale_zyx: Triple = (1, 1, 1)
    blocks: int = 1

    def __post_init__(self) -> None:
        levels = len(self.features)
        if self.dims not in (2, 3) or not 1 <= levels <= 8:
            raise InvalidInput(f"A U-Net has 2 or 3 dimensions, 1 to 8 levels, not {self.dims} and {levels}.")
        if len(self.kernels_zyx) != levels or len(self.strides_zyx) != levels - 1:
            raise InvalidInput("A U-Net needs one kernel size a level and one stride between two levels.")
        sizes = (self.in_channels, self.out_channels, *self.features)
        steps = [s for triple in (*self.kernels_zyx, *self.strides_zyx, self.upscale_zyx) for s in triple]
        if not all(1 <= size <= 4096 for size in sizes) or not all(1 <= step <= 16 for step in steps):
            raise InvalidInput(
                "The U-Net's channels must lie in 1 to 4096, its kernels and strides in 1 to 16."
            )
        if not 1 <= self.blocks <= 8:
            raise InvalidInput(f"A U-Net has 1 to 8 residual blocks on a level, not {self.blocks}.")
        flat = all(t[0] == 1 for t in (*self.kernels_zyx, *self.strides_zyx, self.upscale_zyx))
        if any(k % 2 == 0 for kernel in self.kernels_zyx for k in kernel) or (self.dims == 2 and not flat):
            raise InvalidInput("A U-Net's kernels are odd; in 2D kernels, strides and upscale are 1 along z.")

    @property
    def numbers_a_voxel(self) -> int:
        """About how many numbers the network holds for an input voxel at its widest moment.

        That is the finest level, in the decoder: the skip, the upsampled features, both side by side, and two
        copies while a convolution runs; and the logits. Further blocks come one after the other.
        """
        return 7 * self.features[0] + 3 * self.out_channels * prod(self.upscale_zyx) + self.in_channels

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as :meth:`from_dict` takes them."""
        return {"kind": "unet", **{k: _listed(v) for k, v in asdict(self).items()}}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "UNetConfig":
        """Read what :meth:`to_dict` wrote; anything else raises :class:`InvalidInput`."""
        known = {*cls.__dataclass_fields__, "kind"}
        if record.get("kind") != "unet" or set(record) | {"blocks"} != known:  # once there was no choice
            raise InvalidInput("The model's network is not one that this version knows. Update Cristae.")
        try:
            dims, inputs, outputs = (int(record[n]) for n in ("dims", "in_channels", "out_channels"))
            features = tuple(int(f) for f in record["features"])
            kernels, strides = (tuple(map(_triple, record[n])) for n in ("kernels_zyx", "strides_zyx"))
            upscale, blocks = _triple(record["upscale_zyx"]), int(record.get("blocks", 1))
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The model's network is damaged: {error}.") from error
        return cls(dims, inputs, outputs, features, kernels, strides, upscale, blocks)


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def _triple(values: Sequence[int]) -> Triple:
    z, y, x = (int(v) for v in values)
    return z, y, x


def total_stride(config: UNetConfig) -> Triple:
    """Return the grid, in input voxels (z, y, x), on which tiles must start and end for exact results."""
    z, y, x = (prod(stride[axis] for stride in config.strides_zyx) for axis in range(3))
    return z, y, x


def halo(config: UNetConfig) -> Triple:
    """Return how many input voxels (z, y, x) around a voxel can change its output, at most, to either side.

    The interval of positions that one output voxel needs is followed from the output down to the coarsest
    level and up to the input again, for each position of the voxel in the cell of the coarsest grid. The skip
    connections see less.

    Examples
    --------
    >>> one = UNetConfig(2, 1, 2, (4,), ((1, 3, 3),), ())
    >>> halo(one)  # two convolutions of three
    (0, 2, 2)
    """
    return tuple(_halo_along(config, axis) for axis in range(3))  # type: ignore[return-value]


def _halo_along(config: UNetConfig, axis: int) -> int:
    reach = [kernel[axis] // 2 for kernel in config.kernels_zyx]
    strides = [stride[axis] for stride in config.strides_zyx]
    widest = 0
    for voxel in range(prod(strides)):
        low = high = voxel
        for level in range(
            len(strides)
        ):  # the decoder: one convolution, below it one coarse voxel makes one cell
            low, high = (low - reach[level]) // strides[level], (high + reach[level]) // strides[level]
        for level in reversed(
            range(len(reach))
        ):  # the encoder: two convolutions a block, the very first of which is strided
            stride = strides[level - 1] if level else 1
            unstrided = (2 * config.blocks - 1) * reach[level]
            low, high = low - unstrided, high + unstrided
            low, high = low * stride - reach[level], high * stride + max(reach[level], stride - 1)
        widest = max(widest, voxel - low, high - voxel)
    return widest


class UNet(nn.Module):
    """The network: a residual encoder, a light decoder with skip connections, a sub-pixel head.

    Its output holds logits, (n, out_channels, [z,] y, x), on the grid of the input times ``upscale_zyx``.
    Along every axis the input must be a multiple of :func:`total_stride`.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.deeper = nn.ModuleList(), nn.ModuleList()
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        channels = config.in_channels
        strides: list[Triple] = [(1, 1, 1), *config.strides_zyx]
        for features, kernel, stride in zip(config.features, config.kernels_zyx, strides, strict=True):
            self.encoder.append(ResidualBlock(config.dims, channels, features, kernel, stride))
            if config.blocks > 1:
                further = range(1, config.blocks)
                self.deeper.append(
                    nn.Sequential(*(ResidualBlock(config.dims, features, features, kernel) for _ in further))
                )
            channels = features
        for level, (fine, coarse) in enumerate(pairwise(config.features)):
            self.up.append(_upsampling(config.dims, coarse, fine, config.strides_zyx[level]))
            self.decoder.append(_convolved(config.dims, 2 * fine, fine, config.kernels_zyx[level]))
        self.head = last_layer(config.dims, config.features[0], config.out_channels, config.upscale_zyx)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of (n, c, [z,] y, x)."""
        return self.answer(self.decoded(x)[0])

    def decoded(self, x: Tensor) -> list[Tensor]:
        """Return the features (n, features, [z,] y, x) of each level of the decoder, the finest first."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x)
            if self.deeper:
                x = self.deeper[level](x)
            skips.append(x)
        levels = [x] if not self.decoder else []
        for level in reversed(range(len(self.decoder))):
            x = self.decoder[level](torch.cat((self.up[level](x), skips[level]), dim=1))
            levels.insert(0, x)
        return levels

    def answer(self, finest: Tensor) -> Tensor:
        """Return the logits that follow from the features of the finest level."""
        return spread(self.head(finest), self.config.upscale_zyx[-self.config.dims :])


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, (n, c, [z,] y, x); the first one reduces by ``stride``."""

    def __init__(
        self, dims: int, channels: int, features: int, kernel: Triple, stride: Triple = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.first = _convolved(dims, channels, features, kernel, stride)
        self.second = nn.Sequential(_same(dims, features, features, kernel), _norm(dims, features))
        shortcut: list[nn.Module] = []
        if prod(stride) > 1:  # whole cells are averaged, so that nothing is skipped
            shortcut.append(_average(dims, stride))
        if channels != features:
            shortcut += [
                _convolution(dims)(channels, features, kernel_size=1, bias=False),
                _norm(dims, features),
            ]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of the next level, (n, features, [z,] y, x)."""
        return torch.relu_(self.second(self.first(x)) + self.shortcut(x))


def last_layer(dims: int, features: int, outputs: int, upscale_zyx: Triple) -> nn.Module:
    """Return what makes so many answers of features, for each of the voxels that one of them stands for.

    These begin alike: else a fresh network has noise of that grain, which is to be unlearnt first.

    Source: A. Aitken et al., Checkerboard artifact free sub-pixel convolution, arXiv:1707.02937 (2017).
    """
    layer = _convolution(dims)(features, outputs * prod(upscale_zyx), kernel_size=1)
    with torch.no_grad():
        for weights in layer.parameters():
            of_voxels = weights.view(outputs, -1, *weights.shape[1:])
            of_voxels.copy_(of_voxels[:, :1].expand_as(of_voxels))
    return layer


def spread(x: Tensor, upscale: Sequence[int]) -> Tensor:
    """Turn (n, c * upscale, [z,] y, x) into (n, c, [z * uz,] y * uy, x * ux): channels become positions."""
    if prod(upscale) == 1:
        return x
    n, channels, *space = x.shape
    dims, classes = len(space), channels // prod(upscale)
    x = x.reshape(n, classes, *upscale, *space)  # n, c, (uz,) uy, ux, (z,) y, x
    order = [axis for d in range(dims) for axis in (2 + dims + d, 2 + d)]  # (z, uz,) y, uy, x, ux
    return x.permute(0, 1, *order).reshape(n, classes, *(s * u for s, u in zip(space, upscale, strict=True)))


def _convolution(dims: int) -> type[nn.Conv2d] | type[nn.Conv3d]:
    return nn.Conv2d if dims == 2 else nn.Conv3d


def _norm(dims: int, features: int) -> nn.Module:
    return nn.BatchNorm2d(features) if dims == 2 else nn.BatchNorm3d(features)


def _average(dims: int, size: Triple) -> nn.Module:
    return nn.AvgPool2d(size[1:]) if dims == 2 else nn.AvgPool3d(size)


def _same(dims: int, channels: int, features: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> nn.Module:
    """Return a convolution whose output is as large as its input, but for the stride."""
    kz, ky, kx = kernel
    if dims == 2:
        return nn.Conv2d(channels, features, (ky, kx), stride[1:], (ky // 2, kx // 2), bias=False)
    return nn.Conv3d(channels, features, kernel, stride, (kz // 2, ky // 2, kx // 2), bias=False)


def _convolved(
    dims: int, channels: int, features: int, kernel: Triple, stride: Triple = (1, 1, 1)
) -> nn.Module:
    return nn.Sequential(
        _same(dims, channels, features, kernel, stride), _norm(dims, features), nn.ReLU(inplace=True)
    )


def _upsampling(dims: int, coarse: int, fine: int, stride: Triple) -> nn.Module:
    if dims == 2:
        return nn.ConvTranspose2d(coarse, fine, stride[1:], stride[1:])
    return nn.ConvTranspose3d(coarse, fine, stride, stride)
