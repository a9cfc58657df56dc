"""What a training tells a person: the words of its plan, and what happened beside it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cristae.labels import MajorityVote, image_told
from cristae.networks import AddedConfig, ForestConfig, UNetConfig, halo, weight_count
from cristae.training.budget import Budget
from cristae.training.choices import Choices
from cristae.training.fingerprint import Fingerprint
from cristae.training.request import TrainingRequest
from cristae.volumes import VoxelSize

if TYPE_CHECKING:
    from cristae.training.pace import Measured
    from cristae.training.plan import Plan
    from cristae.training.regions import Region
    from cristae.training.schedule import Ending, Schedule

_FOREST_INSTEAD = (
    'choose a random forest, which takes seconds: the setting learner=forest, in Fiji the time "seconds".'
)

_UNLABELLED = (
    "It carries no labels: it is looked at by what learns without them (pseudo-labels, pre-training), and "
    "neither trained on with labels nor scored on."
)

_BY_HAND = ("levels", "features", "blocks", "kernel")


def network_told(ours: Choices, preset: Choices, network: UNetConfig | AddedConfig) -> str:
    """Say what the network is made of; its size by name only where nothing of it was chosen by hand."""
    weights = f"{_about(weight_count(network))} weights"
    if isinstance(network, AddedConfig):
        return f"The network is {network.name!r}, which was added on this machine: {weights}."
    by_name = all(getattr(ours, name) == getattr(preset, name) for name in _BY_HAND)
    named = f"is {ours.size}: it " if by_name else ""
    levels = f"{ours.levels} level{'s' if ours.levels > 1 else ''}"
    maps = " to ".join(str(count) for count in dict.fromkeys((network.features[0], network.features[-1])))
    blocks = f"{ours.blocks} residual block{'s' if ours.blocks > 1 else ''}"
    return (
        f"The network {named}has {levels} of {maps} feature maps, {blocks} on each, kernels of {ours.kernel} "
        f"voxels, {weights}."
    )


def working_told(ours: Choices, size: VoxelSize | None, network: UNetConfig | AddedConfig) -> str:
    """Say how large the voxels are that the network works on, and how far from one it looks.

    Examples
    --------
    >>> from cristae.volumes import VoxelSize
    >>> one = UNetConfig(2, 1, 2, (4,), ((1, 3, 3),), ())
    >>> ours = Choices(2, 0, (1, 2, 2), "section", 1, 4, (1, 64, 64), 2)
    >>> print(working_told(ours, VoxelSize(50, 4.6, 4.6), one))
    It works on pixels of 9.2 x 9.2 nm (y, x); an answer depends on up to 2 x 2 of them to each side.
    """
    what, names, shown = ("voxels", "(z, y, x)", slice(3))
    if network.dims == 2:
        what, names, shown = ("pixels", "(y, x)", slice(1, 3))
    large = f"{what} {names} whose size is not known"
    if size is not None:
        sides = [side * factor for side, factor in zip(size.zyx_nm, ours.downsample_zyx, strict=True)]
        large = f"{what} of {' x '.join(f'{side:.4g}' for side in sides[shown])} nm {names}"
    seen = " x ".join(map(str, list(halo(network))[shown]))
    return f"It works on {large}; an answer depends on up to {seen} of them to each side."


def _about(count: int) -> str:
    """Say a number of weights: "870", "310 thousand", "1.7 million"."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.0f} thousand" if count < 999_500 else f"{count / 1e6:.1f} million"


def steps_told(ours: Choices, budget: Budget, found: Fingerprint, *, is_validated: bool) -> tuple[str, ...]:
    """Say what a step sees and what it makes small, and how long the training takes."""
    size = " x ".join(str(n) for n in ours.patch_zyx)
    seen = f"A step sees {ours.batch} patch{'es' if ours.batch > 1 else ''} of {size} voxels (z, y, x)"
    deep_patches = (
        (
            f"The network sees sections, so the {ours.patch_zyx[0]} sections of a patch are seen one by one: "
            f"a step sees {ours.batch * ours.patch_zyx[0]}. To see them together, set dimensions=3.",
        )
        if ours.dimensions == 2 and ours.patch_zyx[0] > 1
        else ()
    )
    rare = f", {ours.rare_share:.0%} of them around labelled objects" if ours.rare_share else ""
    left = min(ours.error_share, 1 - ours.rare_share)
    fewer = f" (not {ours.error_share:.0%}: the others go first)" if left < ours.error_share else ""
    hard = f", {left:.0%} where it errs most{fewer}" if ours.error_share else ""
    minutes = (budget.seconds or 0) / 60
    limit = (
        f"{budget.steps} step{'' if budget.steps == 1 else 's'}"
        if budget.steps is not None
        else f"{minutes:g} minute{'' if minutes == 1 else 's'}"
    )
    ends_early = is_validated and ours.patience < 1
    early = " at most, and ends when nothing improves any more" if ends_early else ""
    length = f"The training takes {limit}{early}."
    jumps = (
        ("Brightness jumps between sections: each is normalised by itself.",)
        if found.section_jump > 0.25 and ours.normalisation == "section"
        else ("The grey values of the images are not on one scale: each is normalised by itself.",)
        if not found.alike and ours.normalisation != "training"
        else ()
    )
    loss = (f"What it makes small is the loss {ours.loss!r}.",) if ours.loss != "dice_ce" else ()
    deep = (
        ("Coarser levels of the network learn to answer too (deep supervision).",)
        if ours.deep_supervision == "on"
        else ()
    )
    added = (
        (f"Patches are varied by {ours.added_augmentation!r} too, which was added on this machine.",)
        if ours.added_augmentation != "none"
        else ()
    )
    first = (
        (
            f"In the first {ours.pretrain:.0%} of that, the network learns to restore hidden parts of the "
            "images.",
        )
        if ours.pretrain > 0
        else ()
    )
    pseudo = (
        ("What it is sure of where nothing is labelled is learned too, after three tenths of the training.",)
        if ours.pseudo == "on"
        else ()
    )
    varied = variants_told(ours)
    return (
        *jumps,
        f"{seen}{rare}{hard}.",
        *deep_patches,
        *varied,
        *loss,
        *deep,
        *pseudo,
        *added,
        length,
        *first,
    )


def variants_told(ours: Choices) -> tuple[str, ...]:
    """Say which variants of patches are made, if it is not those that are made by default."""
    if ours.augmentation == 0:
        return ("Patches are flipped and turned by quarters, nothing else.",)
    groups = {
        "deformed": (ours.augment_geometry, "off"),
        "of other grey values": (ours.augment_intensity, "light"),
        "with defects of sections": (ours.augment_sections, "off"),
    }
    if all(chosen == usual for chosen, usual in groups.values()):
        return ()
    made = [f"{what} ({chosen})" for what, (chosen, _) in groups.items() if chosen != "off"]
    said = ", ".join(made) if made else "flipped and turned by quarters, nothing else"
    return (f"Patches are {said}.",)


def labels_told(request: TrainingRequest, regions: Sequence["Region"]) -> list[str]:
    """Say what was understood of the labels, and of several images where the next one begins."""
    told = []
    for number, (region, (_, labels)) in enumerate(zip(regions, request.pairs, strict=True), 1):
        if not region.reading.is_labelled:
            told.append(image_told(number, len(regions), region.image.name) + _UNLABELLED)
            continue
        vote = [labels.sentence] if isinstance(labels, MajorityVote) else []
        said = [*vote, *region.reading.sentences]
        begin = image_told(number, len(regions), region.image.name)
        told += [begin + said[0], *said[1:]] if said else []
        lacking = _lacking(region, regions)
        if lacking:
            told.append(
                f"{begin}No {' and no '.join(map(repr, lacking))} here, unlike in other images: any among "
                "the known voxels are learned as something else. If there are some, label them, or mark them "
                "as unknown."
            )
    return told


def _lacking(region: "Region", regions: Sequence["Region"]) -> list[str]:
    """Return the classes or masks that an image has nowhere, and others have."""

    def has(one: "Region", group: tuple[int, ...]) -> bool:
        return any(one.reading.voxel_counts.get(number, 0) for number in group)

    answers = zip(region.reading.answers, region.reading.groups, strict=True)
    return [
        entry.name
        for entry, group in answers
        if not has(region, group) and any(has(other, group) for other in regions)
    ]


def ranges_told(request: TrainingRequest) -> list[str]:
    """Say which sections of the first image are trained on and validated on, if the person chose them."""
    depth = request.pairs[0][0].shape_czyx[1]
    first = " of the first image" if len(request.pairs) > 1 else ""
    chosen = [z for z in (request.z, request.validation_z) if z is not None]
    if not chosen:
        return []
    told = [sections_told(z) for z in chosen]
    if len(chosen) == 2:
        both = set(range(*chosen[0])) & set(range(*chosen[1]))
        apart = ", without those that are validated on," if both else ""
        said = f"Trained on {told[0]}{apart} and validated on {told[1]} of {depth}{first}"
    elif request.validation_z is None:
        said = f"Trained and validated on {told[0]} of {depth}{first}"
    else:
        are = "are" if chosen[0][1] - chosen[0][0] > 1 else "is"
        said = f"Validated on {told[0]} of {depth}{first}, which {are} not trained on"
    from_0 = " and ".join(f"{start}:{stop}" for start, stop in chosen)
    return [f"{said} ({from_0}, where the first is 0)."]


def both_told(request: TrainingRequest) -> list[str]:
    """Warn of sections that a person chose to train on and to validate on: they count for one of them.

    Examples
    --------
    >>> both_told(TrainingRequest([], "m", z=(0, 8), validation_z=(6, 8)))  # doctest: +NORMALIZE_WHITESPACE
    ['Sections 7-8 were chosen to train on and to validate on: they only count for the validation, so that
    its figures are honest. Trained on are sections 1-6.']
    """
    if request.z is None or request.validation_z is None:
        return []
    start, stop = max(request.z[0], request.validation_z[0]), min(request.z[1], request.validation_z[1])
    if start >= stop:
        return []
    both = sections_told((start, stop))
    are, they = ("were", "they only count") if stop - start > 1 else ("was", "it only counts")
    left = [(a, b) for a, b in ((request.z[0], start), (stop, request.z[1])) if a < b]
    verb = "are" if sum(b - a for a, b in left) > 1 else "is"
    trained = f" Trained on {verb} {' and '.join(sections_told(z) for z in left)}." if left else ""
    return [
        f"{both[0].upper()}{both[1:]} {are} chosen to train on and to validate on: {they} for the "
        f"validation, so that its figures are honest.{trained}"
    ]


def sections_told(z: tuple[int, int]) -> str:
    """Say a half-open range of sections from 0 as Fiji counts them: from 1, both ends included.

    Examples
    --------
    >>> sections_told((0, 40)), sections_told((40, 41))
    ('sections 1-40', 'section 41')
    """
    start, stop = z
    return f"sections {start + 1}-{stop}" if stop - start > 1 else f"section {stop}"


def pace_told(measured: "Measured", schedule: "Schedule | None") -> str:
    """Say what a step takes, and how long that makes the training, if its steps are alike.

    Examples
    --------
    >>> from cristae.training.pace import Measured
    >>> from cristae.training.schedule import Schedule
    >>> pace_told(Measured(0.45, 1_900_000_000), Schedule(None, 1000, step=4))
    'A step takes 0.45 s and 1.9 GB of memory here: about 8 minutes for all 1000 steps.'
    """
    size = measured.memory_bytes
    memory = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
    # A process that has trained before has the memory already.
    needs = f" and {memory} of memory" if size >= 1e6 else ""
    seconds = f"{measured.seconds:.2g}" if measured.seconds < 10 else f"{measured.seconds:.0f}"
    taken = f"A step takes {seconds} s{needs} here"
    if schedule is None:
        return f"{taken}."
    if schedule.seconds is None:
        steps = schedule.steps or 0
        return f"{taken}: about {_duration(steps * measured.seconds)} for all {steps} steps."
    steps = round(schedule.steps_at(measured.seconds))
    return f"{taken}: about {steps} steps in {_duration(schedule.seconds)}."


def ending_told(ending: "Ending", last: int) -> str:
    """Say how a training ends that was asked to end early, and with which step at the latest.

    Examples
    --------
    >>> from cristae.training.schedule import Ending
    >>> ending_told(Ending(step=120, progress=0.2, steps=12), 132)
    'The training was asked after step 120 to end early: its learning rate runs out, and it ends by step 132.'
    """
    asked = f"after step {ending.step}" if ending.step else "before its first step"
    ends = f"its learning rate runs out, and it ends by step {last}"
    return f"The training was asked {asked} to end early: {ends}."


def too_few_told(steps: int, minutes: float) -> str:
    """Say that so few steps make no good model, and how long would be better.

    Examples
    --------
    >>> print(too_few_told(11, 13.2))  # doctest: +NORMALIZE_WHITESPACE
    About 11 steps teach a network little. Give it 14 minutes here, or choose a random forest, which takes
    seconds: the setting learner=forest, in Fiji the time "seconds".
    >>> too_few_told(1, 0.2)[:61]
    'About 1 step teaches a network little. Give it 1 minute here,'
    """
    whole = math.ceil(minutes)
    given = f"{whole} minute{'' if whole == 1 else 's'} here"
    return f"About {_taught(steps)} a network little. Give it {given}, or {_FOREST_INSTEAD}"


def too_few_steps_told(steps: int, enough: int) -> str:
    """Say that a person asked for so few steps that they make no good model, and how many are better.

    Examples
    --------
    >>> print(too_few_steps_told(1, 150))  # doctest: +NORMALIZE_WHITESPACE
    1 step teaches a network little. Give it 150 steps or more, or choose a random forest, which takes
    seconds: the setting learner=forest, in Fiji the time "seconds".
    """
    return f"{_taught(steps)} a network little. Give it {enough} steps or more, or {_FOREST_INSTEAD}"


def _taught(steps: int) -> str:
    return "1 step teaches" if steps == 1 else f"{steps} steps teach"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} second{'s' if seconds >= 1.5 else ''}"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def unvalidated_told(plan: "Plan", annotated_sections: int) -> str:
    """Say why the model is not validated, what that means for it, and what can be done.

    Parameters
    ----------
    plan
        With what was looked for to hold out.
    annotated_sections
        Of the first image.
    """
    lacks = [(number, one.lack) for number, one in enumerate(plan.held_out, 1) if one.lack]
    if not lacks:
        reason, advice = "No part of the labels is held out, as was asked", ""
    else:
        number, lack = lacks[0]
        reason = lack if len(plan.held_out) == 1 else f"Image {number} of {len(plan.held_out)}: {lack}"
        choose = (
            ", or choose sections to validate on (validation-z, in Fiji the slices to check with)"
            if annotated_sections > 1
            else ", best in other sections too"
        )
        advice = f" Label more{choose}."
    told = f"{reason}. So the model is not validated: there are no figures that say how good it is"
    if isinstance(plan.network, ForestConfig):
        return f"{told}.{advice}"
    return f"{told}, the training does not end early, and its last weights are the model.{advice}"


def without_figures_told(names: Sequence[str]) -> str:
    """Say that the part held out shows nothing of some classes, and what that means for the figures.

    Examples
    --------
    >>> without_figures_told(["er"]).partition(":")[0]
    "The part held out shows nothing of 'er'"
    """
    told = ", ".join(f"'{name}'" for name in names)
    it = "it" if len(names) == 1 else "them"
    return (
        f"The part held out shows nothing of {told}: there are no figures for {it}, and the mean is that of "
        "the others. Choose other sections to validate on."
    )


def changes_told(planned: Choices, used: Choices) -> list[str]:
    """Say what the training had to do otherwise than planned."""
    told = []
    if used.batch != planned.batch:
        told.append(
            f"A step saw {used.batch} patch{'es' if used.batch > 1 else ''} in the end: with "
            f"{planned.batch}, steps were too slow or too large for the device's memory."
        )
    if used.learning_rate != planned.learning_rate:
        told.append(
            f"The training went astray once, and went on with the learning rate {used.learning_rate:g}."
        )
    return told
