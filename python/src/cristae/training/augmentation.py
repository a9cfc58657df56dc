"""Variants of a batch that a network must not be surprised by, made with torch on the training device.

Only what microscopes do: specimens lie in any orientation and are deformed, brightness, contrast and noise
differ, and sections are shifted, lost or dirty. Everything follows from one generator, so that a run can be
repeated.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from cristae.training import grey_values
from cristae.training.deformation import FREEDOMS, Deformation, draw_deformation
from cristae.training.section_defects import RATES, draw_defects
from cristae.training.share import WHOLE, Share

_DEFORMED = 0.5
"""Share of the samples that are deformed: the others keep all their labels, and are as sharp as they were."""


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
        Whether the volume may be turned and tilted about every axis: for isotropic voxels.
    strength
        1: as designed; 0: orientation only. Above 1 deformations grow no further.
    geometry
        "off": only flips and quarter turns, which are exact. "light", "full": half of the samples are turned
        by any angle, scaled and elastically deformed too, all in one interpolation.
    intensity
        "off"; "light": brightness, contrast, gamma, sharpness, noise; "full": also shading and a lower
        resolution.
    sections
        "off"; "light": neighbours of the labelled section are shifted, lost or of another contrast; "full":
        also empty or striped, the labelled section too is of another contrast or striped, and all that in
        volumes as well.
    spacing_zyx
        Size of a voxel that the network sees; only the proportions count.
    """

    dims: int
    image_channels: int
    flip_z: bool = True
    turn_in_depth: bool = False
    strength: float = 1.0
    geometry: str = "off"
    intensity: str = "light"
    sections: str = "off"
    spacing_zyx: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __call__(
        self, x: Tensor, targets: Tensor, generator: torch.Generator, share: Share = WHOLE
    ) -> tuple[Tensor, Tensor]:
        """Return a variant of a batch.

        Parameters
        ----------
        x
            Normalised inputs (n, c, [z,] y, x), float32; they are not changed.
        targets
            Their classes (n, [z,] y, x), uint8, 255 unknown, on the same grid or on one that is finer by
            whole factors; or the numbers of their objects, in 2D with those of the neighbouring sections,
            (n, 3, y, x).
        generator
            On the CPU, whatever the device of the batch; its state decides everything.
        share
            Which part of a batch this is. The parts together are varied as the batch would be.
        """
        x, targets = self._oriented(x, targets, generator, share)
        if self.strength > 0 and self.geometry != "off":
            x, targets = self._deformed(x, targets, generator, share)
        if self.strength > 0 and self.intensity != "off":
            self._lit(x, generator, share)
        if self.strength > 0 and self.sections != "off":
            x, targets = self._damaged(x, targets, generator, share)
        if self.strength > 0 and self.intensity != "off":
            self._recorded(x, generator, share)
        return x, targets

    def _oriented(
        self, x: Tensor, targets: Tensor, generator: torch.Generator, share: Share
    ) -> tuple[Tensor, Tensor]:
        """Flip and turn each sample; only turns that keep the shape."""
        images, labels = [], []
        drawn = share.drawn(len(x), 6, generator=generator).tolist()
        for image, label, coins in zip(
            x, targets, drawn, strict=True
        ):  # image: c, [z,] y, x; label: [z,] y, x
            axes = [axis for axis, coin in zip((-2, -1), coins, strict=False) if coin < 0.5]
            if self.dims == 3 and self.flip_z and coins[2] < 0.5:
                axes.append(-3)
            image, label = image.flip(axes), label.flip(axes)
            if self.dims == 2 and self.flip_z and coins[2] < 0.5:
                image = image.reshape(-1, self.image_channels, *image.shape[1:]).flip(0).flatten(0, 1)
                label = label.flip(0) if label.ndim == 3 else label  # which has its neighbours too
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

    def _deformed(
        self, x: Tensor, targets: Tensor, generator: torch.Generator, share: Share
    ) -> tuple[Tensor, Tensor]:
        """Turn, scale and deform some samples; all sections alike unless the voxels are isotropic."""
        coins = torch.rand(share.parts * len(x), generator=generator)
        own, chosen = share.own(len(x)), (coins < _DEFORMED).nonzero().flatten()
        in_depth = self.dims == 3 and self.turn_in_depth
        axes = 3 if in_depth else 2
        pixel = (self.spacing_zyx[1] * self.spacing_zyx[2]) ** 0.5
        extent = [
            length * size / pixel
            for length, size in zip(x.shape[-axes:], self.spacing_zyx[-axes:], strict=True)
        ]
        freedom = FREEDOMS[self.geometry].scaled(min(1.0, self.strength))
        deformation = draw_deformation(len(chosen), extent, freedom, generator)
        is_own = (own.start <= chosen) & (chosen < own.stop)
        deformation = Deformation(deformation.control[is_own].to(x.device))
        chosen = (chosen[is_own] - own.start).to(x.device)
        if not len(chosen):
            return x, targets
        images, labels = x[chosen], targets[chosen]
        # What is not deformed along z counts as channels.
        flat_images = images.reshape(len(images), -1, *images.shape[-axes:])
        flat_labels = labels.reshape(len(labels), -1, *labels.shape[-axes:])
        x = x.index_copy(0, chosen, deformation.image(flat_images).view_as(images))
        return x, targets.index_copy(0, chosen, deformation.labels(flat_labels).view_as(labels))

    def _lit(self, x: Tensor, generator: torch.Generator, share: Share) -> None:
        grey_values.light(x, self.strength, generator, share)
        if self.intensity == "full":
            grey_values.shade(x, self.strength, generator, share)

    def _damaged(
        self, x: Tensor, targets: Tensor, generator: torch.Generator, share: Share
    ) -> tuple[Tensor, Tensor]:
        """Give sections what befalls serial sections."""
        rates = RATES[self.sections].scaled(self.strength)
        finer_yx = (targets.shape[-2] // x.shape[-2], targets.shape[-1] // x.shape[-1])
        if self.dims == 3:
            if rates.spare_own:  # every section of a volume carries labels
                return x, targets
            stack = x.transpose(1, 2)  # n, z, c, y, x
            defects = draw_defects(_sections_of(stack), rates, own=None, generator=generator, share=share)
            return defects.image(stack).transpose(1, 2).contiguous(), defects.labels(targets, finer_yx)
        stack = x.view(len(x), -1, self.image_channels, *x.shape[2:])
        own = stack.shape[1] // 2
        defects = draw_defects(_sections_of(stack), rates, own=own, generator=generator, share=share)
        if targets.ndim == x.ndim:  # which has its neighbours too
            targets = defects.labels_beside(targets, finer_yx)
        return defects.image(stack).flatten(1, 2), targets

    def _recorded(self, x: Tensor, generator: torch.Generator, share: Share) -> None:
        """Change sharpness and noise, which come last: with the recording."""
        grey_values.blur(x, self.strength, generator, share)
        if self.intensity == "full":
            grey_values.coarsen(x, self.strength, generator, share)
        seed = int(torch.randint(2**62, (), generator=generator))
        noise = torch.Generator(x.device).manual_seed(seed)
        grey_values.roughen(x, self.strength, generator, noise, share)


def _sections_of(stack: Tensor) -> tuple[int, int, int]:
    """Return samples, sections and rows of (n, section, c, y, x)."""
    return stack.shape[0], stack.shape[1], stack.shape[3]
