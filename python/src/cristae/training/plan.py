"""The plan of a training: every choice, why it was made, and how to make another one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cristae.errors import InvalidInput
from cristae.geometry import Triple
from cristae.networks import (
    AddedConfig,
    ForestConfig,
    NetworkConfig,
    Preprocessing,
    Statistics,
    UNetConfig,
    added_config,
    total_stride,
)
from cristae.training.budget import Budget
from cristae.training.choices import Choices, apply_settings, read_settings, written
from cristae.training.effects import refuse_for_a_forest, refuse_for_an_added_network, refuse_together
from cristae.training.fingerprint import Fingerprint
from cristae.training.first_weights import network_of
from cristae.training.held_out import HeldOut
from cristae.training.object_choice import boundaries_told, objects_told, offsets_of
from cristae.training.object_choice import proposed as proposed_objects
from cristae.training.proposals import (
    dimensions_for,
    normalisation_for,
    rare_share_for,
    reduction_for,
    scaled_told,
    seen_told,
)
from cristae.training.request import StartingModel
from cristae.training.starting import choices_of
from cristae.training.telling import network_told, steps_told, working_told
from cristae.volumes import VoxelSize

_SCALES = (0.7, 1.0, 1.6, 3.5, 5.0)
"""Of the filters that a random forest sees through: deviations of Gaussians, in pixels."""

_TREES = 32

_SIZES = {"small": (0.5, 1), "medium": (1, 1), "large": (2, 2)}
"""Of a network: how many times the usual feature maps it has, and its residual blocks on a level."""

SHORT_S = 300.0
"""So many seconds of a slow CPU are too few for a medium network."""

_SHORT_TOLD = (
    "The time is short for this processor, which has no AVX-512, and a small network learns more in it; the "
    "setting size=medium takes the usual one."
)


type FindHeldOut = Callable[[Choices, tuple[Triple, ...]], tuple[HeldOut, ...]]


@dataclass(frozen=True)
class Plan:
    """What a training will do.

    Attributes
    ----------
    choices
        Every choice.
    network
        The network.
    preprocessing
        What it sees.
    seconds, steps
        The budget: one of them is None.
    sentences
        What was found and chosen, and why, for people.
    offsets_zyx
        Of the pairs of voxels that are learned of objects; none for boundaries, classes and masks.
    fewest_steps
        With fewer it makes no model that may replace another one, however much fits into a step here.
    held_out
        Of each image, what is validated on.
    """

    choices: Choices
    network: NetworkConfig
    preprocessing: Preprocessing
    seconds: float | None
    steps: int | None
    sentences: tuple[str, ...]
    offsets_zyx: tuple[Triple, ...] = ()
    fewest_steps: int = 0
    held_out: tuple[HeldOut, ...] = ()

    @property
    def labelled_steps(self) -> int | None:
        """Steps that learn the labels, behind those of a pre-training; None where the budget is a time."""
        share, steps = self.choices.pretrain, self.steps
        if steps is None or share == 0:
            return steps
        return max(1, steps - max(1, round(share * steps)))

    @property
    def settings(self) -> dict[str, str]:
        """Every choice as ``--set`` takes it."""
        return {name: written(value) for name, value in asdict(self.choices).items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "settings": self.settings,
            "network": self.network.to_dict(),
            "preprocessing": self.preprocessing.to_dict(),
            "seconds": self.seconds,
            "steps": self.steps,
            "sentences": list(self.sentences),
            **({"offsets_zyx": [list(offset) for offset in self.offsets_zyx]} if self.offsets_zyx else {}),
        }


def make_plan(
    found: Fingerprint,
    *,
    target: str,
    outputs: int,
    budget: Budget,
    settings: Mapping[str, str],
    on_gpu: bool,
    on_slow_cpu: bool = False,
    label_sentences: tuple[str, ...] = (),
    start_from: StartingModel | None = None,
    voxel_size: VoxelSize | None = None,
    held_out: FindHeldOut = lambda choices, offsets_zyx: (),
) -> Plan:
    """Make the plan that follows from the fingerprint.

    Parameters
    ----------
    found
        The fingerprint.
    target
        "classes", "masks" or "instances".
    outputs
        Number of answers of the network for a voxel: classes with the background, or masks.
    budget
        How long.
    settings
        A person's own choices; they win.
    on_gpu
        GPUs take wider networks and larger batches.
    on_slow_cpu
        A CPU that takes a small network where there are few minutes.
    label_sentences
        What was said about the labels; they come first.
    start_from
        A model whose weights are the start; network, normalisation and working voxel size are its own.
    voxel_size
        Of the images, if known.
    held_out
        Finds what is validated on, for the choices and the pairs of voxels that are learned of objects.
    """
    if target != "instances" and read_settings(settings).get("merge_below"):
        raise InvalidInput(
            f"merge_below={settings['merge_below']} says how objects are joined, and these labels are read "
            f"as {target}. Leave it out, or choose the target instances."
        )
    if settings.get("learner") == "forest":
        return _forest_plan(found, target, outputs, settings, label_sentences, start_from, held_out)
    if start_from is not None:
        settings = choices_of(start_from, settings, voxel_size) | dict(settings)
    elif read_settings(settings).get("freeze", "none") != "none":
        raise InvalidInput(
            f"freeze={settings['freeze']} keeps what a model has learned: name the model to start from, "
            "or leave it out."
        )
    proposed = dimensions_for(found)
    chosen = settings.get("dimensions")
    dimensions = int(chosen) if chosen in ("2", "3") else proposed[0]
    context = proposed[1] if dimensions == 2 else 0
    downsample, scaled = reduction_for(found, dimensions, target)
    is_short = (
        on_slow_cpu
        and start_from is None
        and settings.get("learner", "network") == "network"
        and not settings.keys() & {"size", "features", "blocks"}
        and budget.seconds is not None
        and budget.seconds <= SHORT_S
    )
    if is_short:
        settings = {**settings, "size": "small"}
    wider, blocks = _SIZES.get(settings.get("size", ""), _SIZES["medium"])
    preset = Choices(
        dimensions=dimensions,
        context=context,
        downsample_zyx=downsample,
        normalisation=normalisation_for(found, dimensions),
        levels=4 if dimensions == 2 else 3,
        features=int((32 if on_gpu else 16) * wider),
        patch_zyx=(1, 1, 1),
        batch=1,
        rare_share=rare_share_for(found),
        blocks=blocks,
        objects=proposed_objects(target, start_from),
    )
    ours = apply_settings(preset, {k: v for k, v in settings.items() if k not in ("patch_zyx", "batch")})
    if ours.dimensions == 2 and ours.downsample_zyx[0] != 1:
        raise InvalidInput(
            "A network that sees sections cannot average along z: set downsample_zyx to 1,y,x."
        )
    refuse_together(ours)
    if start_from is None and ours.learner != "network":
        refuse_for_an_added_network(ours, preset)
    offsets = offsets_of(ours, found, target)
    outputs = 1 + len(offsets) if offsets else outputs
    preprocessing = Preprocessing(
        ours.dimensions,
        ours.normalisation,
        Statistics(found.statistics.mean, found.statistics.std)
        if start_from is None
        else Preprocessing.from_dict(start_from.record["preprocessing"]).statistics,
        ours.downsample_zyx,
        ours.context if ours.dimensions == 2 else 0,
    )
    network = (
        _network(ours, found.anisotropy, preprocessing.input_channels(found.channels), outputs)
        if start_from is None
        else network_of(start_from, outputs, ours.downsample_zyx)
    )
    _refuse_unsupervised(ours, network)
    total = total_stride(network)
    step: Triple = tuple(t * d for t, d in zip(total, ours.downsample_zyx, strict=True))  # type: ignore[assignment]
    patch, batch = _patch(found, ours, step, on_gpu)
    ours = replace(ours, patch_zyx=patch, batch=batch)
    ours = apply_settings(ours, {k: v for k, v in settings.items() if k in ("patch_zyx", "batch")})
    rounded: Triple = tuple(-(-p // s) * s for p, s in zip(ours.patch_zyx, step, strict=True))  # type: ignore[assignment]
    enlarged = () if rounded == ours.patch_zyx else (_enlarged_told(ours.patch_zyx, rounded, step),)
    ours = replace(ours, patch_zyx=rounded)
    if ours.batch * math.prod(p // s for p, s in zip(rounded, step, strict=True)) == 1:
        raise InvalidInput(
            f"One patch of {' x '.join(map(str, rounded))} voxels is a single voxel on the coarsest of "
            f"{ours.levels} levels, which cannot be normalised. Set a larger batch or patch_zyx, or fewer "
            "levels."
        )
    _refuse_too_wide(ours, network, tuple(p // s for p, s in zip(rounded, step, strict=True)))
    built = (network_told(ours, preset, network), working_told(ours, voxel_size, network))
    own = (*seen_told(ours, proposed), *scaled_told(ours, downsample, scaled)) if start_from is None else ()
    own = (*own, *objects_told(ours, found, target, preset, is_new=start_from is None))
    parts = held_out(ours, offsets)
    timed = steps_told(ours, budget, found, is_validated=any(part.box for part in parts))
    why_small = (_SHORT_TOLD,) if is_short else ()
    sentences = (*label_sentences, *own, *built, *why_small, *enlarged, *timed)
    return Plan(
        ours, network, preprocessing, budget.seconds, budget.steps, sentences, offsets, held_out=parts
    )


def _forest_plan(
    found: Fingerprint,
    target: str,
    outputs: int,
    settings: Mapping[str, str],
    label_sentences: tuple[str, ...],
    start_from: StartingModel | None,
    held_out: FindHeldOut,
) -> Plan:
    """Make the plan of a random forest: pixels of sections at full resolution, with their neighbours."""
    if start_from is not None:
        raise InvalidInput("A random forest grows anew each time; it cannot start from a model.")
    height, width = (min(256, *(shape[axis] for shape in found.shapes_zyx)) for axis in (1, 2))
    usual = Choices(
        dimensions=2,
        context=0 if max(shape[0] for shape in found.shapes_zyx) == 1 else 1,
        downsample_zyx=(1, 1, 1),
        normalisation="section",
        levels=1,
        features=1,
        patch_zyx=(1, height, width),
        batch=8,
        rare_share=rare_share_for(found),
    )
    ours = apply_settings(usual, settings)
    refuse_for_a_forest(ours, usual)
    if ours.dimensions != 2 or ours.downsample_zyx != (1, 1, 1) or ours.patch_zyx[0] != 1:
        raise InvalidInput(
            "A random forest sees sections at full resolution: leave out dimensions, downsample_zyx and "
            "patch_zyx, or choose learner=network."
        )
    statistics = Statistics(found.statistics.mean, found.statistics.std)
    preprocessing = Preprocessing(2, ours.normalisation, statistics, (1, 1, 1), ours.context)
    thickest = max(found.thickness_voxels.values(), default=0.0)
    forest = ForestConfig(
        in_channels=preprocessing.input_channels(found.channels),
        out_channels=outputs,
        sigmas=_SCALES if thickest < 32 else (*_SCALES, 10.0),
        trees=_TREES,
        nodes=1,
        depth=1,
    )
    told = (
        f"A random forest of {_TREES} trees looks at each pixel of the sections"
        f"{' and of their neighbours' if ours.context else ''} through {forest.features} filters (smoothed, "
        "edges, ridges, texture).",
        *((boundaries_told("forest", found),) if target == "instances" else ()),
        "It takes seconds, whatever the budget; a network that has some minutes is better.",
    )
    return Plan(ours, forest, preprocessing, None, 1, (*label_sentences, *told), held_out=held_out(ours, ()))


def _network(ours: Choices, anisotropy: float, inputs: int, outputs: int) -> UNetConfig | AddedConfig:
    """Return the network that was chosen: the U-Net, or one that the owner of the home added."""
    if ours.learner != "network":
        return added_config(
            ours.learner,
            dims=ours.dimensions,
            in_channels=inputs,
            out_channels=outputs,
            features=ours.features,
            levels=ours.levels,
            upscale_zyx=ours.downsample_zyx,
        )
    kernels, strides = _topology(ours, anisotropy)
    return UNetConfig(
        dims=ours.dimensions,
        in_channels=inputs,
        out_channels=outputs,
        features=tuple(min(ours.features * 2**level, 320) for level in range(ours.levels)),
        kernels_zyx=kernels,
        strides_zyx=strides,
        upscale_zyx=ours.downsample_zyx,
        blocks=ours.blocks,
    )


def _enlarged_told(asked: Triple, made: Triple, step: Triple) -> str:
    """Say that a patch was asked for that the network cannot halve as often as it must."""
    asked_told, made_told, step_told = (" x ".join(map(str, size)) for size in (asked, made, step))
    return f"Patches of {asked_told} voxels become {made_told}: the network needs multiples of {step_told}."


def _refuse_unsupervised(ours: Choices, network: UNetConfig | AddedConfig) -> None:
    """Refuse deep supervision of a network that has no coarser levels to supervise."""
    if ours.deep_supervision == "off":
        return
    if isinstance(network, AddedConfig):
        raise InvalidInput(
            f"deep_supervision=on is for Cristae's own network, not for {network.name!r}. Leave it off."
        )
    if ours.levels < 3:
        raise InvalidInput(
            f"deep_supervision=on needs a network of 3 levels or more; this one has {ours.levels}. Set more "
            "levels, or leave it off."
        )


def _refuse_too_wide(ours: Choices, network: UNetConfig | AddedConfig, coarsest: tuple[int, ...]) -> None:
    """Refuse kernels whose outermost weights lie beyond a patch wherever they are laid on it.

    They learn nothing, and in bfloat16 on CPUs their gradients come from memory that nobody wrote.
    """
    if isinstance(network, AddedConfig):
        return
    if any(k // 2 > side for k, side in zip(network.kernels_zyx[-1], coarsest, strict=True)):
        raise InvalidInput(
            f"Kernels of {ours.kernel} voxels are too wide for a patch of "
            f"{' x '.join(map(str, ours.patch_zyx))} voxels, which is {' x '.join(map(str, coarsest))} on "
            f"the coarsest of {ours.levels} levels. Set a larger patch_zyx, fewer levels or a smaller kernel."
        )


def _topology(ours: Choices, anisotropy: float) -> tuple[tuple[Triple, ...], tuple[Triple, ...]]:
    """Return kernels and strides: in-plane first, along z as soon as the spacings match."""
    wide = ours.kernel
    if ours.dimensions == 2:
        return ((1, wide, wide),) * ours.levels, ((1, 2, 2),) * (ours.levels - 1)
    spacing = anisotropy * ours.downsample_zyx[0] / ours.downsample_zyx[1]
    kernels: list[Triple] = []
    strides: list[Triple] = []
    for level in range(ours.levels):
        kernels.append((wide if spacing < 2 else 1, wide, wide))
        if level < ours.levels - 1:
            together = spacing < 1.5
            strides.append((2 if together else 1, 2, 2))
            spacing = spacing if together else spacing / 2
    return tuple(kernels), tuple(strides)


def _patch(found: Fingerprint, ours: Choices, step: Triple, on_gpu: bool) -> tuple[Triple, int]:
    """Return patch (voxels of the image) and batch: some 100,000 network voxels a step, more on a GPU."""
    smallest = [min(shape[axis] for shape in found.shapes_zyx) for axis in range(3)]
    if ours.dimensions == 2:
        wanted = (1, 256, 256)
    else:
        wanted = (32 if found.anisotropy < 1.5 else 16, 64, 64)
        if on_gpu:
            wanted = (wanted[0] * 2, 128, 128)
    patch = [
        min(-(-w * d // s) * s, -(-n // s) * s)
        for w, d, s, n in zip(wanted, ours.downsample_zyx, step, smallest, strict=True)
    ]
    voxels = math.prod(p // d for p, d in zip(patch, ours.downsample_zyx, strict=True))
    budget = 2**19 if ours.dimensions == 2 else 2**18
    batch = max(1, min(16, round(budget * (2 if on_gpu else 1) / voxels)))
    return (patch[0], patch[1], patch[2]), max(batch, 2 if ours.dimensions == 2 else 1)
