"""From a request to a model: read the labels, make the plan, train, write the record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from cristae.errors import InvalidInput
from cristae.events import Event, Metrics, Note, PlanMade, Progress
from cristae.geometry import Box
from cristae.labels import UNKNOWN, LabelReading, MasksAsOne, find_masks, read_labels, share_classes
from cristae.networks import ForestConfig, NetworkConfig, UNetConfig, halo, total_stride
from cristae.networks.devices import choose_device, describe
from cristae.training.augmentation import Augmentation
from cristae.training.calibration import Calibration
from cristae.training.choices import Choices
from cristae.training.data import PatchReader, validation_batches
from cristae.training.fingerprint import estimate_anisotropy, take_fingerprint
from cristae.training.plan import Plan, make_plan
from cristae.training.regions import Region, choose_held_out, class_profiles
from cristae.training.request import TrainedModel, TrainingRequest
from cristae.training.sampling import PatchSampler
from cristae.training.starting import first_network
from cristae.training.telling import changes_told, ranges_told, unvalidated_told
from cristae.training.trainer import Trainer
from cristae.training.validation import validate
from cristae.volumes import LabelClass, VoxelSize

_SHARE_OF_MEMORY = 0.25
_LIKE_SIZES = 1.1
"""Images whose voxels differ by at most this factor are trained on together."""


def inspect_and_plan(request: TrainingRequest, device: str = "auto") -> Plan:
    """Look at images and labels, and say what a training would do.

    Parameters
    ----------
    request
        What is asked.
    device
        "auto", "cpu", "cuda" or "cuda:N".

    Raises
    ------
    InvalidInput
        The labels cannot be learned from, or a setting is not known.
    """
    chosen = choose_device(device)
    regions = _regions(request)
    found = take_fingerprint(regions, _voxel_size(request))
    said = [sentence for region in regions for sentence in region.reading.sentences]
    plan = make_plan(
        found,
        target=request.target,
        outputs=_output_count(regions[0].reading),
        budget=request.budget,
        settings=request.settings,
        on_gpu=chosen.type == "cuda",
        label_sentences=(*dict.fromkeys(said), *ranges_told(request)),
        start_from=request.start_from,
    )
    if isinstance(plan.network, UNetConfig):
        # Refuses a model that does not fit.
        first_network(plan.network, 0, request.start_from, found.channels)
    return replace(plan, sentences=(*plan.sentences, f"It runs on {describe(chosen)}."))


def train(
    request: TrainingRequest,
    plan: Plan,
    *,
    folder: Path,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    device: str = "auto",
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
    device
        "auto", "cpu", "cuda" or "cuda:N".

    Returns
    -------
    TrainedModel
        Record and weights, ready for :meth:`cristae.models.ModelLibrary.add`.
    """
    chosen = choose_device(device)
    on_event(PlanMade(plan.sentences, plan.settings))
    regions = _regions(request)
    first = regions[0].reading
    classes = first.answers
    for warning in dict.fromkeys(w for region in regions for w in region.reading.warnings):
        on_event(Note(warning, is_warning=True))
    free = psutil.virtual_memory().available * _SHARE_OF_MEMORY
    if sum(region.bytes_in_memory for region in regions) <= free:
        for region in regions:
            region.hold_in_memory()
    for note in _hold_out(regions, request, plan):
        on_event(note)

    seed = request.seed % 2**63
    reader = PatchReader(regions, plan.preprocessing, plan.network)
    sampler = PatchSampler(regions, first.groups, plan.choices.patch_zyx, plan.choices.rare_share, seed)
    there = np.flatnonzero(sampler.counts)
    if there.size == 0:
        raise InvalidInput(
            "Every annotated section that may be trained on is held out for validation or carries no label. "
            "Validate on fewer sections, or train on more."
        )
    if there.size == 1:
        only = first.classes[there[0] - 1].name if there[0] else "background"
        raise InvalidInput(
            f"In the sections that may be trained on every known voxel is {only!r}: there is nothing to tell "
            "apart. Validate on other sections, or train on more."
        )
    down = plan.choices.downsample_zyx
    step = tuple(s * d for s, d in zip(total_stride(plan.network), down, strict=True))
    patch_voxels = plan.choices.batch * int(np.prod(plan.choices.patch_zyx))
    validation = validation_batches(
        reader, plan.choices.patch_zyx, step, 3 * patch_voxels, len(first.classes) + 1
    )
    if not validation:
        on_event(Note(unvalidated_told(plan), is_warning=True))
    if isinstance(plan.network, ForestConfig):
        learned = _grown(plan, plan.network, reader, sampler, validation, first, seed, on_event, should_stop)
        return TrainedModel(_record(request, plan, regions, learned), learned.arrays)
    network, told = first_network(plan.network, seed, request.start_from, regions[0].image.shape_czyx[0])
    for sentence in told:
        on_event(Note(sentence))
    size = _voxel_size(request) or _estimated_size(request)
    trainer = Trainer(
        plan=plan,
        network=network,
        reader=reader,
        sampler=sampler,
        augmentation=Augmentation(
            plan.network.dims,
            regions[0].image.shape_czyx[0],
            turn_in_depth=plan.network.dims == 3 and 1 / 1.5 < size.z_nm / size.y_nm < 1.5,
            strength=plan.choices.augmentation,
        ),
        validation=validation,
        classes=classes,
        members=None if first.masks is None else torch.from_numpy(first.masks.members),
        device=chosen,
        folder=folder,
        work=_identity(request, plan, classes),
        on_event=on_event,
        should_stop=should_stop,
    )
    weights, values = trainer.run()
    calibration = None
    if validation and request.target != "instances":  # what finds objects knows the probabilities as they are
        weights, calibration = trainer.calibrated(weights)
        before, values = values, trainer.figures(weights)
        if any(calibration.biases) and "dice" in values and "dice" in before:
            on_event(
                Note(
                    "Where the edges of objects lie was adjusted on the part held out: Dice "
                    f"{values['dice']:.3f} instead of {before['dice']:.3f} there."
                )
            )
    schedule = trainer.schedule
    learned = _Learned(
        network=plan.network,
        choices=trainer.choices,
        weights=weights,
        values=values,
        history=trainer.history,
        steps=schedule.step,
        seconds=schedule.elapsed_s,
        calibration=calibration,
    )
    return TrainedModel(_record(request, plan, regions, learned), learned.arrays)


@dataclass(frozen=True)
class _Learned:
    """What came out: the network with its weights, its figures, and what was used to get there."""

    network: NetworkConfig
    choices: Choices
    weights: Mapping[str, torch.Tensor]
    values: Mapping[str, float]
    history: Sequence[Mapping[str, float]]
    steps: int
    seconds: float
    calibration: Calibration | None = None

    @property
    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {name: tensor.cpu().contiguous().numpy() for name, tensor in self.weights.items()}


def _grown(
    plan: Plan,
    config: ForestConfig,
    reader: PatchReader,
    sampler: PatchSampler,
    validation: Sequence[tuple[torch.Tensor, torch.Tensor]],
    reading: LabelReading,
    seed: int,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> _Learned:
    """Grow a random forest, and score it on the part that is held out."""
    from cristae.training.growing import grow_forest  # scikit-learn loads slowly

    started = time.monotonic()
    members = None if reading.masks is None else reading.masks.members
    forest = grow_forest(
        replace(config, exclusive=members is None),
        reader,
        sampler,
        members,
        seed,
        on_event=on_event,
        should_stop=should_stop,
    )
    values: dict[str, float] = {}
    if validation:
        table = None if members is None else torch.from_numpy(members)
        values = validate(forest, validation, reading.answers, table)
        on_event(Metrics(1, values))
    told = f"Dice {values['dice']:.3f} on the part held out" if "dice" in values else ""
    on_event(Progress("Training", 1.0, None, told))
    return _Learned(
        network=forest.config,
        choices=plan.choices,
        weights=forest.state_dict(),
        values=values,
        history=[{"step": 1, **values}] if values else [],
        steps=1,
        seconds=time.monotonic() - started,
    )


def _regions(request: TrainingRequest) -> list[Region]:
    """Read the labels of every pair, and refuse what does not go together."""
    if not request.pairs:
        raise InvalidInput("There is no image to train on. Give an image with its labels.")
    _refuse_other_voxel_sizes(request)
    size = _voxel_size(request) or _estimated_size(request)
    regions: list[Region] = []
    first_z = request.z
    if first_z is not None and request.validation_z is not None:
        first_z = (min(first_z[0], request.validation_z[0]), max(first_z[1], request.validation_z[1]))
    label_images, masks, unknown = [labels for _, labels in request.pairs], None, request.unknown
    if request.target == "masks":
        masks = find_masks(label_images, classes=request.classes, unknown=unknown, z=first_z)
        label_images = [MasksAsOne(labels, masks, unknown) for labels in label_images]
        unknown = None if unknown is None else UNKNOWN
    for index, ((image, _), labels) in enumerate(zip(request.pairs, label_images, strict=True)):
        reading = read_labels(
            labels,
            image.shape_czyx,
            target=request.target,
            unknown=unknown,
            empty_sections=request.empty_sections,
            classes=request.classes,
            z=first_z if index == 0 else None,
            voxel_size=size,
            masks=masks,
        )
        training_z = request.z if index == 0 else None
        regions.append(Region(image, labels, reading, training_z=training_z))
    channels = {region.image.shape_czyx[0] for region in regions}
    if len(channels) > 1:
        raise InvalidInput(
            f"The images have different numbers of channels: {sorted(channels)}. Use alike ones."
        )
    agreed = share_classes([region.reading for region in regions])
    return [replace(region, reading=reading) for region, reading in zip(regions, agreed, strict=True)]


def _voxel_size(request: TrainingRequest) -> VoxelSize | None:
    """Return what was asked for, else the voxel size of the deepest image that tells one."""
    known = [
        (image, size) for image, labels in request.pairs if (size := image.voxel_size or labels.voxel_size)
    ]
    if request.voxel_size or not known:
        return request.voxel_size
    return max(known, key=lambda pair: pair[0].shape_czyx[1])[1]


def _refuse_other_voxel_sizes(request: TrainingRequest) -> None:
    """Refuse images of which one shows objects at another scale than the others; the network sees voxels."""
    size = _voxel_size(request)
    if request.voxel_size or size is None:
        return
    for number, (image, labels) in enumerate(request.pairs, start=1):
        own = image.voxel_size or labels.voxel_size
        if own is None:
            continue
        axes = (1, 2) if image.shape_czyx[1] == 1 else (0, 1, 2)  # one section has no distance of sections
        ratios = [own.zyx_nm[axis] / size.zyx_nm[axis] for axis in axes]
        if any(max(ratio, 1 / ratio) > _LIKE_SIZES for ratio in ratios):
            raise InvalidInput(
                f"The images have different voxel sizes: {image.name or f'image {number}'} has {_told(own)}, "
                f"another one {_told(size)} (z, y, x). Scale them alike before, or, if the sizes are wrong, "
                "give the right one for all (--voxel-size)."
            )


def _told(size: VoxelSize) -> str:
    z, y, x = size.zyx_nm
    return f"{z:g} x {y:g} x {x:g} nm"


def _estimated_size(request: TrainingRequest) -> VoxelSize:
    """Return a voxel size of the right proportions for all images, where none is known."""
    deepest = max((image for image, _ in request.pairs), key=lambda image: image.shape_czyx[1])
    return VoxelSize(estimate_anisotropy(deepest, range(deepest.shape_czyx[1])), 1.0, 1.0)


def _output_count(reading: LabelReading) -> int:
    """Return how many answers the network gives for a voxel: masks have no background of their own."""
    return len(reading.answers) + (reading.masks is None)


def _hold_out(regions: Sequence[Region], request: TrainingRequest, plan: Plan) -> list[Note]:
    """Hold a block of each region out for validation, or the sections that were asked for."""
    notes: list[Note] = []
    down = plan.choices.downsample_zyx
    in_depth = plan.network.dims == 3
    gap = (4 * down[0] if in_depth else 1, 8 * down[1], 8 * down[2])
    for index, region in enumerate(regions):
        region.gap_zyx = gap
        if index == 0 and request.validation_z is not None:
            start, stop = request.validation_z
            if not 0 <= start < stop <= region.shape_zyx[0]:
                raise InvalidInput(
                    f"The validation sections {start}:{stop} are not in the image, which has the sections "
                    f"0:{region.shape_zyx[0]} (half-open, counted from 0)."
                )
            region.held_out = Box((start, 0, 0), (stop, *region.shape_zyx[1:]))
            region.gap_zyx = (0, 0, 0)  # the person chose the sections to train on as well
            if not any((targets != UNKNOWN).any() for _, targets in region.slabs(validation=True)):
                raise InvalidInput(f"The validation sections {start}:{stop} carry no labels.")
        elif plan.choices.validation > 0:
            counts = class_profiles(region)
            region.held_out = choose_held_out(counts, region.annotated_box, plan.choices.validation, gap)
        held = region.held_out
        if held is None:
            continue
        name = f" of {region.image.name or f'image {index + 1}'}" if len(regions) > 1 else ""
        z, y, x = (f"{a}:{b}" for a, b in zip(held.start, held.stop, strict=True))
        notes.append(Note(f"Validated on z {z}, y {y}, x {x}{name}, which is not trained on."))
    return notes


def _identity(request: TrainingRequest, plan: Plan, classes: Sequence[LabelClass]) -> dict[str, Any]:
    """Return what makes a training this one: a checkpoint of another one is not taken over."""
    start, size = request.start_from, request.voxel_size
    return {
        "the plan": {k: v for k, v in plan.to_dict().items() if k != "sentences"},
        "the seed": request.seed,
        "the target": request.target,
        "the unknown value": request.unknown,
        "the empty sections": request.empty_sections,
        "the classes": [asdict(cls) for cls in classes],
        "the sections": [request.z, request.validation_z],
        "the voxel size": size.zyx_nm if size else None,
        "the model to start from": [start.name, start.record.get("weights_sha256")] if start else None,
        "the images": [[image.shape_czyx, image.name] for image, _ in request.pairs],
        "the data": [list(pair) for pair in request.digests],
        "the version of Cristae": version("cristae"),
    }


def _record(
    request: TrainingRequest,
    plan: Plan,
    regions: Sequence[Region],
    learned: _Learned,
) -> dict[str, Any]:
    size = _voxel_size(request)
    down = plan.choices.downsample_zyx
    return {
        "schema": 1,
        "name": request.model_name,
        "created_s": time.time(),
        "cristae_version": version("cristae"),
        "target": request.target,
        "classes": [asdict(cls) for cls in regions[0].reading.answers],
        "channels": regions[0].image.shape_czyx[0],
        "voxel_size_nm": list(size.zyx_nm) if size else None,
        "display_unit": size.display_unit if size else "",
        "working_voxel": {"downsample_zyx": list(down)},
        "network": learned.network.to_dict(),
        "preprocessing": plan.preprocessing.to_dict(),
        "halo_zyx": [h * d for h, d in zip(halo(plan.network), down, strict=True)],
        "plan": {
            "sentences": [*plan.sentences, *changes_told(plan.choices, learned.choices)],
            "settings": replace(plan, choices=learned.choices).settings,
        },
        "metrics": dict(learned.values),
        "history": [dict(values) for values in learned.history],
        "training": {
            "steps": learned.steps,
            "seconds": round(learned.seconds, 1),
            "seed": request.seed,
            "torch_version": torch.__version__,
            "calibration": None if learned.calibration is None else asdict(learned.calibration),
        },
        "data": [{"image_digest": image, "labels_digest": labels} for image, labels in request.digests],
        "outputs": [
            "labels",
            "probabilities",
            "uncertainty",
            *["instances"] * (request.target == "instances"),
        ],
        "job_id": request.job_id,
    }
