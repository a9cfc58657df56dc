"""From a request to a model: read the labels, make the plan, train, write the record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from cristae.errors import InvalidInput
from cristae.events import Event, Metrics, Note, PlanMade, Progress
from cristae.geometry import Triple
from cristae.labels import UNKNOWN, LabelReading
from cristae.labels.merging import MergeLimit, limit_by_hand
from cristae.networks import ForestConfig, total_stride
from cristae.networks.devices import choose_device, describe, is_slow
from cristae.training.choices import Choices
from cristae.training.data import validation_batches
from cristae.training.effects import settings_that_fit
from cristae.training.fingerprint import take_fingerprint
from cristae.training.first_weights import first_network
from cristae.training.held_out import HeldOut, find_held_out
from cristae.training.merging import searched_limit
from cristae.training.pairs import read_pairs, refuse_unlabelled_validation
from cristae.training.patches import Patches, prepare_patches
from cristae.training.plan import Plan, make_plan
from cristae.training.pretraining import Pretraining, split_plan
from cristae.training.preview import Preview, preview_of
from cristae.training.record import Learned, fewest_steps, identity_of, record_of
from cristae.training.regions import Region
from cristae.training.request import TrainedModel, TrainingRequest
from cristae.training.starting import refuse_unfit, start_told
from cristae.training.team import ALONE, Team
from cristae.training.telling import labels_told, ranges_told, unvalidated_told, without_figures_told
from cristae.training.trainer import Trainer
from cristae.training.unlabelled import refuse_without_unlabelled
from cristae.training.validation import validate
from cristae.training.voxel_sizes import voxel_size_of
from cristae.training.wishes import Wishes


def inspect_and_plan(
    request: TrainingRequest,
    device: str = "auto",
    processes: int = 1,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Plan:
    """Look at images and labels, and say what a training would do.

    Parameters
    ----------
    request
        What is asked.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    processes
        How many train together, each with such a device.
    on_event
        Told what is being looked at, since that may take minutes.

    Raises
    ------
    InvalidInput
        The labels cannot be learned from, or a setting is not known.
    """
    chosen = choose_device(device)
    settings = settings_that_fit(request.settings)
    on_event(Progress("Reading the labels", 0.0))
    regions = read_pairs(request)
    refuse_unlabelled_validation(regions[0], request)
    if settings.get("pseudo") == "on":
        refuse_without_unlabelled(regions)
    on_event(Progress("Looking at the images", 0.0))
    found = take_fingerprint(regions, voxel_size_of(request))
    start, size = request.start_from, voxel_size_of(request)
    if start is not None:
        sections = max(region.shape_zyx[0] for region in regions)
        refuse_unfit(
            start.name,
            start.record,
            target=request.target,
            channels=found.channels,
            sections=sections,
            settings=request.settings,
        )
    plan = make_plan(
        found,
        target=request.target,
        outputs=_output_count(regions[0].reading),
        budget=request.budget,
        settings=request.settings,
        on_gpu=chosen.type == "cuda",
        on_slow_cpu=is_slow(chosen),
        label_sentences=(*labels_told(request, regions), *ranges_told(request)),
        start_from=start,
        voxel_size=size,
        held_out=partial(_held_out, regions, request),
    )
    goes_on: tuple[str, ...] = ()
    if start is not None:
        ours = plan.choices
        names = [entry.name for entry in _as_planned(regions[0].reading, plan.offsets_zyx).answers]
        goes_on = start_told(start, names, ours.downsample_zyx, size, ours.freeze)
    where = f"It runs on {describe(chosen)}."
    if processes > 1:
        where = (
            f"It runs in {processes} processes, the first on {describe(chosen)}: a step sees {processes} "
            "times as many patches."
        )
    if not isinstance(plan.network, ForestConfig):
        where += " The time and memory that a step takes are measured with the first ones, and told then."
    return replace(
        plan,
        sentences=(*goes_on, *plan.sentences, where),
        fewest_steps=fewest_steps(plan.network, plan.choices, regions),
    )


def train(
    request: TrainingRequest,
    plan: Plan,
    *,
    folder: Path,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    should_finish: Callable[[], bool] = lambda: False,
    device: str = "auto",
    team: Team = ALONE,
) -> TrainedModel:
    """Train a model.

    A training that was cancelled or killed goes on from its last checkpoint when this is called again with
    the same request, plan and folder. On a CPU, with a budget of steps, it ends with the same weights as one
    in a single go.

    Parameters
    ----------
    request, plan
        What is asked, and what :func:`inspect_and_plan` made of it.
    folder
        For checkpoints.
    on_event
        Told :class:`~cristae.events.PlanMade`, Progress, Metrics and Notes.
    should_stop
        Asked before every step; True saves a checkpoint and raises :class:`~cristae.errors.Cancelled`.
    should_finish
        Asked before every step; True once lets the learning rate run out within few steps (see
        :class:`~cristae.training.schedule.Ending`), whatever is left of the budget, and the training ends as
        it would have then. A random forest, which takes seconds, ends anyway.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    team
        The processes that train together, each of which calls this with the same request and plan. Only the
        first one writes into the folder, and tells events.

    Returns
    -------
    TrainedModel
        Record and weights, ready for :meth:`cristae.models.ModelLibrary.add`.
    """
    chosen = choose_device(device)
    if not team.leads:
        on_event = _silent
    on_event(PlanMade(plan.sentences, plan.settings))
    _refuse_unfit_team(plan, team)
    on_event(Progress("Finding places for patches", 0.0))
    patches = prepare_patches(request, plan, on_event)
    regions, first = patches.regions, patches.reading
    down = plan.choices.downsample_zyx
    step = tuple(s * d for s, d in zip(total_stride(plan.network), down, strict=True))
    patch_voxels = plan.choices.batch * int(np.prod(plan.choices.patch_zyx))
    validation = validation_batches(
        patches.reader, plan.choices.patch_zyx, step, 3 * patch_voxels, len(first.classes) + 1
    )
    if not validation:
        on_event(Note(unvalidated_told(plan, len(regions[0].reading.annotated_sections)), is_warning=True))
    elif missing := _without_figures(patches, validation):
        on_event(Note(without_figures_told(missing), is_warning=True))
    preview = preview_of(plan, patches, validation, folder) if team.leads else None
    if isinstance(plan.network, ForestConfig):
        learned = _grown(request, plan, plan.network, patches, validation, preview, on_event, should_stop)
        return _model(request, plan, regions, learned, preview)
    wishes = Wishes(should_stop, should_finish)
    names = [entry.name for entry in first.answers]
    network = first_network(plan.network, patches.sampler.seed, request.start_from, names)
    work = identity_of(request, plan, first.answers, team.share.parts)
    plan_of_trainer = plan
    if plan.choices.pretrain > 0:
        first_part, plan_of_trainer = split_plan(plan)
        Pretraining(
            first_part, network, patches, chosen, folder / "pretraining", work, on_event, wishes, team
        ).run()
    trainer = Trainer(
        plan=plan_of_trainer,
        network=network,
        patches=patches,
        validation=validation,
        preview=preview,
        device=chosen,
        folder=folder,
        work=work,
        on_event=behind(plan.choices.pretrain, on_event),
        wishes=wishes,
        team=team,
    )
    weights, before = trainer.run()
    calibration = None
    if validation and request.target != "instances":  # what finds objects knows the probabilities as they are
        weights, calibration = trainer.selection.calibrated(weights)
    values = trainer.selection.figures(weights) if validation else {}
    if calibration is not None and any(calibration.biases) and "dice" in values and "dice" in before:
        on_event(
            Note(
                "Where the edges of objects lie was adjusted on the part held out: Dice "
                f"{values['dice']:.3f} instead of {before['dice']:.3f} there."
            )
        )
    merging = _merge_limit(request, plan, trainer.network, weights, patches, chosen, on_event, team)
    trainer.selection.tell_end(values)
    schedule = trainer.schedule
    learned = Learned(
        network=plan.network,
        choices=trainer.choices,
        weights=weights,
        values=values,
        history=trainer.selection.history,
        steps=schedule.step,
        seconds=schedule.elapsed_s,
        calibration=calibration,
        merging=merging,
        ending=schedule.ending,
    )
    return _model(request, plan, regions, learned, preview)


def _without_figures(patches: Patches, validation: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> list[str]:
    """Return the names of the classes or masks that are trained on and lack in the part held out."""
    counts = torch.zeros(UNKNOWN + 1, dtype=torch.int64)
    for _, targets in validation:
        # Numbers of objects may be larger; the first one is in every patch that has any.
        counts += torch.bincount(targets.ravel().clamp(max=UNKNOWN), minlength=UNKNOWN + 1)
    answers = zip(patches.reading.answers, patches.reading.groups, strict=True)
    return [
        entry.name
        for entry, group in answers
        if not any(counts[number] for number in group) and patches.sampler.counts[list(group)].any()
    ]


def _silent(event: Event) -> None:
    """Tell nothing."""


def _refuse_unfit_team(plan: Plan, team: Team) -> None:
    """Refuse what several processes cannot train, or do not see alike."""
    if team.agree(lambda: plan.settings) != plan.settings:
        raise InvalidInput(
            "The processes of this training do not see the same images and labels: give all of them the same "
            "files."
        )
    if not team.is_alone and isinstance(plan.network, ForestConfig):
        raise InvalidInput("A random forest is grown by one process, in seconds: start it without torchrun.")


def _model(
    request: TrainingRequest,
    plan: Plan,
    regions: Sequence[Region],
    learned: Learned,
    preview: Preview | None,
) -> TrainedModel:
    record = record_of(request, plan, regions, learned)
    return TrainedModel(record, learned.arrays, b"" if preview is None else preview.png())


def behind(share: float, on_event: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return what tells of a work that begins when this share of the whole is done."""

    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, fraction=share + (1 - share) * event.fraction)
        on_event(event)

    return tell if share > 0 else on_event


def _as_planned(reading: LabelReading, offsets_zyx: tuple[Triple, ...]) -> LabelReading:
    return reading.by_affinities(offsets_zyx) if offsets_zyx else reading


def _held_out(
    regions: Sequence[Region], request: TrainingRequest, choices: Choices, offsets_zyx: tuple[Triple, ...]
) -> tuple[HeldOut, ...]:
    planned = [replace(region, reading=_as_planned(region.reading, offsets_zyx)) for region in regions]
    return find_held_out(planned, request, choices)


def _output_count(reading: LabelReading) -> int:
    """Return how many answers the network gives for a voxel: masks have no background of their own."""
    return len(reading.answers) + (reading.masks is None)


def _merge_limit(
    request: TrainingRequest,
    plan: Plan,
    network: torch.nn.Module,
    weights: Mapping[str, torch.Tensor],
    patches: Patches,
    device: torch.device,
    on_event: Callable[[Event], None],
    team: Team = ALONE,
) -> MergeLimit | None:
    """Return with what objects are joined by the model, and say why; None if it joins none by a limit."""
    if request.target != "instances" or plan.offsets_zyx:
        return None
    if plan.choices.merge_below > 0:
        found = limit_by_hand(plan.choices.merge_below)
    else:
        found = MergeLimit(
            **team.agree(lambda: asdict(searched_limit(network, weights, plan, patches, device)))
        )
    on_event(Note(found.sentence))
    return found


def _grown(
    request: TrainingRequest,
    plan: Plan,
    config: ForestConfig,
    patches: Patches,
    validation: Sequence[tuple[torch.Tensor, torch.Tensor]],
    preview: Preview | None,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> Learned:
    """Grow a random forest, and score it on the part that is held out."""
    from cristae.training.growing import grow_forest  # scikit-learn loads slowly

    started = time.monotonic()
    reading = patches.reading
    members = None if reading.masks is None else reading.masks.members
    forest = grow_forest(
        replace(config, exclusive=members is None),
        patches.reader,
        patches.sampler,
        members,
        patches.sampler.seed,
        on_event=on_event,
        should_stop=should_stop,
    )
    values: dict[str, float] = {}
    if preview is not None:
        table = None if members is None else torch.from_numpy(members)
        values = validate(forest, validation, reading.answers, table, watch=preview.watch)
        preview.keep()
        on_event(Metrics(1, values))
    weights = forest.state_dict()
    merging = _merge_limit(request, plan, forest, weights, patches, torch.device("cpu"), on_event)
    told = f"Dice {values['dice']:.3f} on the part held out" if "dice" in values else ""
    on_event(Progress("Training", 1.0, None, told))
    return Learned(
        network=forest.config,
        choices=plan.choices,
        weights=weights,
        values=values,
        history=[{"step": 1, **values}] if values else [],
        steps=1,
        seconds=time.monotonic() - started,
        merging=merging,
    )
