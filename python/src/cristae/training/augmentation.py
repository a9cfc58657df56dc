"""Variants of a batch that a network must not be surprised by, made with torch on the training device.

Only what microscopes do: specimens lie in any orientation, brightness, contrast and noise differ, and serial
sections are shifted, lost or dirty. Everything is drawn from one generator, so that a run can be repeated.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """Which variants are made.

    Parameters
    ----------
    dims
        Of the network, 2 or 3.
    image_channels
        Channels of the image; a 2D network's channels are these, once for each section that it sees.
    flip_z
        Whether sections may come in the reverse order.
    turn_in_depth
        Whether the volume may be turned about every axis: for isotropic voxels.
    strength
        1: as designed; 0: orientation only.
    """

    dims: int
    image_channels: int
    flip_z: bool = True
    turn_in_depth: bool = False
    strength: float = 1.0

    def __call__(self, x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a variant of normalised inputs (n, c, [z,] y, x) and their targets (n, [z,] y, x)."""
        x, targets = self._oriented(x, targets, generator)
        if self.strength > 0:
            x = self._lit(x, generator)
            if self.dims == 2 and x.shape[1] > self.image_channels:
                x = self._sectioned(x, generator)
            x = self._noisy(x, generator)
        return x, targets

    def _oriented(self, x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Flip and turn each sample; only turns that keep the shape."""
        images, labels = [], []
        for image, label in zip(x, targets, strict=True):  # image: c, [z,] y, x; label: [z,] y, x
            coins = torch.rand(6, generator=generator).tolist()
            axes = [axis for axis, coin in zip((-2, -1), coins, strict=False) if coin < 0.5]
            if self.dims == 3 and self.flip_z and coins[2] < 0.5:
                axes.append(-3)
            image, label = image.flip(axes), label.flip(axes)
            if self.dims == 2 and self.flip_z and coins[2] < 0.5:
                image = image.reshape(-1, self.image_channels, *image.shape[1:]).flip(0).flatten(0, 1)
            turns = [(-1, -2)] if coins[3] < 0.5 else []
            if self.turn_in_depth:
                turns += [(-1, -3)] if coins[4] < 1 / 3 else [(-2, -3)] if coins[4] < 2 / 3 else []
            for one, two in turns:
                same = image.shape[one] == image.shape[two] and label.shape[one] == label.shape[two]
                if same:
                    image, label = image.transpose(one, two), label.transpose(one, two)
            images.append(image)
            labels.append(label)
        return torch.stack(images), torch.stack(labels)

    def _lit(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Change contrast, brightness and gamma of each sample."""
        n = len(x)
        contrast = 1 + 0.3 * self.strength * _symmetric(n, x, generator)
        brightness = 0.3 * self.strength * _symmetric(n, x, generator)
        gamma = torch.exp(0.4 * self.strength * _symmetric(n, x, generator) * _chosen(0.5, n, x, generator))
        # The gamma curve runs over -3...3 deviations, where nearly all grey values lie, and is 1:1 beyond.
        inside = x.clamp(-3, 3)
        x = x - inside + ((inside + 3) / 6).clamp(min=1e-6).pow(gamma) * 6 - 3
        return x * contrast + brightness

    def _noisy(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Blur or roughen some samples, add noise to some."""
        n = len(x)
        mix = 0.6 * self.strength * _symmetric(n, x, generator) * _chosen(0.3, n, x, generator)
        if bool(mix.any()):
            # In-plane: the sections of a volume count as channels.
            planes = x.reshape(n, -1, *x.shape[-2:])
            blurred = functional.avg_pool2d(planes, 3, 1, 1, count_include_pad=False).view(x.shape)
            x = torch.lerp(x, blurred, mix.clamp(min=-0.4))
        level = (
            0.25
            * self.strength
            * torch.rand(n, generator=generator)
            * (torch.rand(n, generator=generator) < 0.5)
        )
        noise = torch.randn(x.shape, generator=generator).to(x.device)
        return x + noise * _per_sample(level, x)

    def _sectioned(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Give neighbour sections what befalls serial sections: another contrast, a shift, a loss."""
        sections = x.view(len(x), -1, self.image_channels, *x.shape[2:]).clone()  # n, section, c, y, x
        middle = sections.shape[1] // 2
        for sample in sections:
            for index in range(sections.shape[1]):
                coin, size, bright = torch.rand(3, generator=generator).tolist()
                shift = torch.randint(-4, 5, (2,), generator=generator).tolist()
                if index == middle:
                    continue
                if coin < 0.05 * self.strength:
                    sample[index] = sample[middle]  # lost: the section itself stands in for it
                elif coin < 0.15 * self.strength:
                    sample[index] = torch.roll(sample[index], shift, dims=(-2, -1))
                elif coin < 0.3 * self.strength:
                    sample[index] = sample[index] * (0.7 + 0.6 * size) + (bright - 0.5)
        return sections.flatten(1, 2)


def _per_sample(values: Tensor, x: Tensor) -> Tensor:
    return values.to(x.device).view(-1, *(1,) * (x.ndim - 1))


def _symmetric(n: int, x: Tensor, generator: torch.Generator) -> Tensor:
    return _per_sample(2 * torch.rand(n, generator=generator) - 1, x)


def _chosen(share: float, n: int, x: Tensor, generator: torch.Generator) -> Tensor:
    return _per_sample((torch.rand(n, generator=generator) < share).float(), x)
