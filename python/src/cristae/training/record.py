"""What a training leaves: the record of its model, and what tells it from other trainings meanwhile."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from cristae.labels.merging import MergeLimit
from cristae.networks import ForestConfig, NetworkConfig, halo
from cristae.training.calibration import Calibration
from cristae.training.choices import Choices, added_code
from cristae.training.plan import Plan
from cristae.training.regions import Region
from cristae.training.request import StartingModel, TrainingRequest
from cristae.training.schedule import FEW_STEPS, Ending
from cristae.training.telling import changes_told, ending_told
from cristae.training.voxel_sizes import voxel_size_of
from cristae.volumes import LabelClass, VoxelSize

_NAMED = ("name", "weights_sha256")
"""What says which model another one came from."""


@dataclass(frozen=True)
class Learned:
    """What came out: the network with its weights, its figures, and what was used to get there."""

    network: NetworkConfig
    choices: Choices
    weights: Mapping[str, torch.Tensor]
    values: Mapping[str, float]
    history: Sequence[Mapping[str, float]]
    steps: int
    seconds: float
    calibration: Calibration | None = None
    ending: Ending | None = None
    merging: MergeLimit | None = None

    @property
    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The weights as a model package takes them."""
        return {name: tensor.cpu().contiguous().numpy() for name, tensor in self.weights.items()}


def identity_of(
    request: TrainingRequest, plan: Plan, classes: Sequence[LabelClass], processes: int = 1
) -> dict[str, Any]:
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
        "the code of the extensions": added_code(plan.choices) or None,
        "the number of processes": processes if processes > 1 else None,
        "the version of Cristae": version("cristae"),
    }


def record_of(
    request: TrainingRequest,
    plan: Plan,
    regions: Sequence[Region],
    learned: Learned,
) -> dict[str, Any]:
    """Return the record of the model, plain JSON values."""
    size = voxel_size_of(request)
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
        **_estimate(request, size, regions[0]),
        "working_voxel": {"downsample_zyx": list(down)},
        "network": learned.network.to_dict(),
        "preprocessing": plan.preprocessing.to_dict(),
        "halo_zyx": [h * d for h, d in zip(halo(plan.network), down, strict=True)],
        "plan": {
            "sentences": [
                *plan.sentences,
                *changes_told(plan.choices, learned.choices),
                *([] if learned.ending is None else [ending_told(learned.ending, learned.steps)]),
            ],
            "settings": replace(plan, choices=learned.choices).settings,
        },
        "metrics": dict(learned.values),
        "history": [dict(values) for values in learned.history],
        "training": {
            "steps": learned.steps,
            "fewest_steps": fewest_steps(learned.network, learned.choices, regions),
            "asked_to_end_at_step": None if learned.ending is None else learned.ending.step,
            "seconds": round(learned.seconds, 1),
            "seed": request.seed,
            "torch_version": torch.__version__,
            "calibration": None if learned.calibration is None else asdict(learned.calibration),
        },
        **({"offsets_zyx": [list(offset) for offset in plan.offsets_zyx]} if plan.offsets_zyx else {}),
        "decoder": None if learned.merging is None else _decoder(learned.merging),
        "started_from": _started_from(request.start_from),
        "extensions": added_code(plan.choices),
        "data": [_data_of(*digests) for digests in request.digests],
        "outputs": [
            "labels",
            "probabilities",
            "uncertainty",
            *["instances"] * (request.target != "masks"),  # which lie over each other
        ],
        "job_id": request.job_id,
    }


def fewest_steps(network: NetworkConfig, choices: Choices, regions: Sequence[Region]) -> int:
    """Return how many steps make a model: one epoch, or a few dozen where that is long.

    An epoch has seen as many voxels as the annotated sections have, in its patches. Where a step turns out to
    see fewer patches than these choices say, it takes more steps.
    """
    if isinstance(network, ForestConfig):
        return 1
    annotated = sum(
        len(region.reading.annotated_sections) * math.prod(region.shape_zyx[1:])
        for region in regions
        if region.reading.is_labelled
    )
    seen = choices.batch * math.prod(choices.patch_zyx)
    return min(FEW_STEPS, math.ceil(annotated / seen))


def _decoder(merging: MergeLimit) -> dict[str, Any]:
    """Name what objects are made with, and what was found when it was chosen."""
    return {
        "merge_below": merging.below,
        "reason": merging.reason,
        "objects": merging.objects,
        "adapted_rand_error": merging.error,
        "usual_adapted_rand_error": merging.usual_error,
    }


def _estimate(request: TrainingRequest, size: VoxelSize | None, region: Region) -> dict[str, Any]:
    """Keep with which proportions of a voxel boundaries were drawn, where no voxel size is known.

    They are no lengths: with them objects are found again, and nothing else goes by them.
    """
    drawn_with = region.reading.voxel_size
    if size is not None or drawn_with is None or request.target != "instances":
        return {}
    return {"estimated_proportions_zyx": list(drawn_with.zyx_nm)}


def _data_of(image: str, labels: str, *further: str) -> dict[str, Any]:
    """Name an image with the labels of one or several annotators."""
    return {"image_digest": image, "labels_digest": labels} | (
        {"further_labels_digests": list(further)} if further else {}
    )


def _started_from(start: StartingModel | None) -> dict[str, Any] | None:
    """Name the model that a training went on from, and those that it in turn came from, newest first."""
    if start is None:
        return None
    before = start.record.get("started_from")
    earlier = [] if before is None else [{k: before[k] for k in _NAMED}, *before["earlier"]]
    return {k: start.record[k] for k in _NAMED} | {"earlier": earlier}
