"""What differs from image to image: brightness, contrast, gamma, shading, sharpness, resolution, noise.

All functions change normalised images (n, c, [z,] y, x) in place; samples that nothing happens to cost
nothing. The images may be a share of a batch.
"""

import torch
from torch import Tensor
from torch.nn import functional

from cristae.training.share import WHOLE, Share

_BEND = 0.4
_CONTRAST = 0.3
_BRIGHTNESS = 0.3
_SHADING = 0.5
_BLUR = 0.6
_SHARPEN = 0.4
_NOISE = 0.25


def light(x: Tensor, strength: float, generator: torch.Generator, share: Share = WHOLE) -> None:
    """Change gamma of half of the samples, contrast and brightness of all."""
    n = len(x)
    bent = torch.exp(_BEND * strength * _symmetric(n, generator, share))
    for sample, gamma, coin in zip(x, bent.tolist(), _coins(n, generator, share), strict=True):
        if coin < 0.5:
            bend(sample, gamma)
    contrast = _per_sample(1 + _CONTRAST * strength * _symmetric(n, generator, share), x)
    brightness = _per_sample(_BRIGHTNESS * strength * _symmetric(n, generator, share), x)
    x.mul_(contrast).add_(brightness)


def bend(sample: Tensor, gamma: float) -> None:
    """Apply a gamma curve over -3...3 deviations, where nearly all grey values lie; beyond it is 1:1.

    Examples
    --------
    >>> values = torch.tensor([-4.0, -3.0, 0.0, 3.0, 5.0])
    >>> bend(values, 2.0)
    >>> values
    tensor([-4.0000, -3.0000, -1.5000,  3.0000,  5.0000])
    """
    inside = sample.clamp(-3, 3)
    sample.sub_(inside)
    sample.add_(inside.add_(3).div_(6).clamp_(min=1e-6).pow_(gamma), alpha=6).sub_(3)


def shade(x: Tensor, strength: float, generator: torch.Generator, share: Share = WHOLE) -> None:
    """Add a ramp from edge to edge, in any in-plane direction, to a third of the samples."""
    n = len(x)
    coins = _coins(n, generator, share)
    slopes = 2 * share.drawn(n, 2, generator=generator) - 1
    for sample, coin, (along_y, along_x) in zip(
        x, coins, slopes.mul_(_SHADING * strength).tolist(), strict=True
    ):
        if coin < 1 / 3:
            add_ramp(sample, along_y, along_x)


def add_ramp(sample: Tensor, along_y: float, along_x: float) -> None:
    """Add a ramp from minus to plus these values between the edges of the planes.

    Examples
    --------
    >>> plane = torch.zeros(1, 2, 2)
    >>> add_ramp(plane, 1.0, 0.5)
    >>> plane
    tensor([[[-0.7500, -0.2500],
             [ 0.2500,  0.7500]]])
    """
    for size, slope, axis in ((sample.shape[-2], along_y, -2), (sample.shape[-1], along_x, -1)):
        ramp = slope * ((torch.arange(size, device=sample.device) + 0.5) * 2 / size - 1)
        sample.add_(ramp.view(-1, *(1,) * (-1 - axis)))


def blur(x: Tensor, strength: float, generator: torch.Generator, share: Share = WHOLE) -> None:
    """Blur or sharpen some samples in-plane."""
    n = len(x)
    mixes = (_BLUR * strength * _symmetric(n, generator, share)).clamp(min=-_SHARPEN).tolist()
    for sample, mix, coin in zip(x, mixes, _coins(n, generator, share), strict=True):
        if coin < 0.3:
            smooth = functional.avg_pool2d(_planes(sample), 3, 1, 1, count_include_pad=False)
            sample.lerp_(smooth.view_as(sample), mix)


def coarsen(x: Tensor, strength: float, generator: torch.Generator, share: Share = WHOLE) -> None:
    """Show some samples as if their pixels were twice as large."""
    for sample, coin in zip(x, _coins(len(x), generator, share), strict=True):
        if coin < 0.15 * strength and min(sample.shape[-2:]) > 1:
            halve_resolution(sample)


def halve_resolution(sample: Tensor) -> None:
    """Average squares of two pixels, and interpolate between them.

    Examples
    --------
    >>> plane = torch.tensor([[[0.0, 0.0, 4.0, 4.0]] * 2])
    >>> halve_resolution(plane)
    >>> plane[0, 0]
    tensor([0., 1., 3., 4.])
    """
    planes = _planes(sample)
    coarse = functional.avg_pool2d(planes, 2, ceil_mode=True)
    fine = functional.interpolate(coarse[None], size=planes.shape[1:], mode="bilinear")[0]
    sample.copy_(fine.view_as(sample))


def roughen(
    x: Tensor, strength: float, generator: torch.Generator, noise: torch.Generator, share: Share = WHOLE
) -> None:
    """Add noise to half of the samples; `noise` draws it, on the device of the images."""
    n = len(x)
    levels = (_NOISE * strength * share.drawn(n, generator=generator)).tolist()
    noisy = (torch.rand(share.parts * n, generator=generator) < 0.5).tolist()
    own = share.own(n)
    for _ in range(sum(noisy[: own.start])):  # the grains of other processes come first
        _grains(x[0], noise)
    for sample, level, is_noisy in zip(x, levels, noisy[own], strict=True):
        if is_noisy:
            sample.add_(_grains(sample, noise), alpha=level)


def _grains(sample: Tensor, noise: torch.Generator) -> Tensor:
    return torch.randn(sample.shape, generator=noise, device=sample.device)


def _planes(sample: Tensor) -> Tensor:
    """Return a sample (c, [z,] y, x) as planes (c [* z], y, x)."""
    return sample.reshape(-1, *sample.shape[-2:])


def _per_sample(values: Tensor, x: Tensor) -> Tensor:
    return values.to(x.device).view(-1, *(1,) * (x.ndim - 1))


def _coins(n: int, generator: torch.Generator, share: Share) -> list[float]:
    coins: list[float] = share.drawn(n, generator=generator).tolist()
    return coins


def _symmetric(n: int, generator: torch.Generator, share: Share) -> Tensor:
    return 2 * share.drawn(n, generator=generator) - 1
