"""What the batches of a training are drawn from: annotated images, places in them, variants of patches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cristae.errors import InvalidInput
from cristae.events import Event, Note
from cristae.labels import LabelReading, image_told
from cristae.labels.affinities import OBJECT
from cristae.labels.swapped import labels_told
from cristae.memory import available_bytes
from cristae.networks import broken_told
from cristae.training.added_augmentation import Variants, added_variants
from cristae.training.affinities import Pairs
from cristae.training.augmentation import Augmentation
from cristae.training.data import PatchReader
from cristae.training.held_out import hold_out
from cristae.training.pairs import estimated_size, read_pairs
from cristae.training.plan import Plan
from cristae.training.regions import Region
from cristae.training.request import TrainingRequest
from cristae.training.sampling import PatchSampler
from cristae.training.share import WHOLE, Share
from cristae.training.telling import both_told
from cristae.training.voxel_sizes import doubtful_sizes_told, voxel_size_of

_SHARE_OF_MEMORY = 0.25
_ISOTROPIC = 1.5
"""Volumes whose voxels are at most so many times as long as wide look alike from every side."""


@dataclass(frozen=True)
class Patches:
    """What a training draws its batches from.

    Attributes
    ----------
    regions
        The annotated images, a part of each held out.
    reader, sampler
        What reads patches, and what says where they lie.
    augmentation
        Variants of them.
    added
        Further ones, of an augmentation that the owner of the home added.
    """

    regions: Sequence[Region]
    reader: PatchReader
    sampler: PatchSampler
    augmentation: Augmentation
    added: Variants | None = None

    @property
    def reading(self) -> LabelReading:
        """What the label values mean, in all images."""
        return self.regions[0].reading

    @property
    def members(self) -> Tensor | Pairs | None:
        """How targets become the truth, as :func:`~cristae.training.losses.compared` takes it."""
        if self.reading.offsets:
            return Pairs(self.reading.offsets)
        masks = self.reading.masks
        return None if masks is None else torch.from_numpy(masks.members)

    def varied(self, step: int, x: Tensor, targets: Tensor, share: Share = WHOLE) -> tuple[Tensor, Tensor]:
        """Return the variants of a batch that a step sees: they follow from the seed and the step alone.

        Of a share they are those that its samples have in the whole batch. Variants of the owner's are drawn
        for each share anew.
        """
        generator = torch.Generator().manual_seed((self.sampler.seed * 1_000_003 + step) % 2**63)
        x, targets = self.augmentation(x, targets, generator, share)
        if self.added is None:
            return x, targets
        if share.number:
            generator.manual_seed(int(torch.randint(2**62, (), generator=generator)) + share.number)
        return self.added(x, targets, generator)


def prepare_patches(request: TrainingRequest, plan: Plan, on_event: Callable[[Event], None]) -> Patches:
    """Read the labels, hold a part of the images out, and find places for patches in the rest.

    Parameters
    ----------
    request, plan
        As for :func:`cristae.training.train`.
    on_event
        Told what is doubtful about the labels, and what is held out.

    Raises
    ------
    InvalidInput
        There is nothing to learn from.
    """
    regions = read_pairs(request)
    for region in regions if plan.offsets_zyx else ():
        region.reading = region.reading.by_affinities(plan.offsets_zyx)
    doubts = [
        image_told(number, len(regions), region.image.name) + warning
        for number, region in enumerate(regions, 1)
        for warning in region.reading.warnings
        if region.reading.is_labelled
    ]
    doubts += [
        image_told(number, len(regions), region.image.name) + told
        for number, region in enumerate(regions, 1)
        if (told := labels_told(region.image)) is not None
    ]
    for warning in dict.fromkeys([*both_told(request), *doubts, *doubtful_sizes_told(request)]):
        on_event(Note(warning, is_warning=True))
    free = available_bytes() * _SHARE_OF_MEMORY
    labelled = [region for region in regions if region.reading.is_labelled]
    if sum(region.bytes_in_memory for region in labelled) <= free:
        for region in labelled:
            region.hold_in_memory()
    broken = sum(region.broken_voxels() for region in labelled)
    if broken:
        on_event(Note(broken_told(broken), is_warning=True))
    for note in hold_out(regions, plan.held_out):
        on_event(note)
    choices, first = plan.choices, regions[0].reading
    sampler = PatchSampler(
        regions,
        first.groups,
        choices.patch_zyx,
        choices.rare_share,
        request.seed % 2**63,
        error_share=choices.error_share,
    )
    _refuse_uniform(sampler, first, of_objects=request.target == "instances")
    return Patches(
        regions,
        PatchReader(regions, plan.preprocessing, plan.network),
        sampler,
        _augmentation(request, plan, regions[0].image.shape_czyx[0]),
        None
        if choices.added_augmentation == "none"
        else added_variants(choices.added_augmentation, sampler.counts.size),
    )


def _refuse_uniform(sampler: PatchSampler, reading: LabelReading, *, of_objects: bool) -> None:
    """Refuse labels of a single class, or none, where it is trained."""
    there = np.flatnonzero(sampler.counts)
    if there.size == 0:
        raise InvalidInput(
            "Every annotated section that may be trained on is held out for validation or carries no label. "
            "Validate on fewer sections, or train on more."
        )
    if there.size == 1 and not (reading.offsets and there[0] == OBJECT.value):  # objects that fill all
        if of_objects and there[0]:
            raise InvalidInput(
                "Every known voxel that may be trained on lies inside of an object: there is nothing to tell "
                "apart. Leave some background, in Fiji a ROI of that name, or label objects that touch."
            )
        only = reading.classes[there[0] - 1].name if there[0] else "background"
        raise InvalidInput(
            f"In the sections that may be trained on every known voxel is {only!r}: there is nothing to tell "
            "apart. Validate on other sections, or train on more."
        )


def _augmentation(request: TrainingRequest, plan: Plan, image_channels: int) -> Augmentation:
    choices = plan.choices
    size = voxel_size_of(request) or estimated_size(request)
    z, y, x = (side * down for side, down in zip(size.zyx_nm, choices.downsample_zyx, strict=True))
    return Augmentation(
        plan.network.dims,
        image_channels,
        turn_in_depth=plan.network.dims == 3 and 1 / _ISOTROPIC < size.z_nm / size.y_nm < _ISOTROPIC,
        strength=choices.augmentation,
        geometry=choices.augment_geometry,
        intensity=choices.augment_intensity,
        sections=choices.augment_sections,
        spacing_zyx=(z, y, x),
    )
