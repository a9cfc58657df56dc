"""The service Previews: what a model makes of a part of an image, at once and without a job.

Everything that can be refused is refused here, before a process is started or asked.
"""

import math
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np

from cristae.errors import InvalidInput, LimitExceeded
from cristae.geometry import Box
from cristae.models import ModelPackage
from cristae.models.answers import may_overlap
from cristae.service.house import House
from cristae.service.messages import (
    box_message,
    box_of,
    box_zyx,
    check_uuid,
    checked_shape,
    class_messages,
    dtype_name,
    voxel_size_of,
)
from cristae.service.refusals import error_named
from cristae.settings import Limits, size
from cristae.v1 import previews_pb2, previews_pb2_grpc
from cristae.volumes import LabelClass

type Context = grpc.aio.ServicerContext[Any, Any]

OUTPUTS = ("labels", "probabilities", "uncertainty")


class Previews(previews_pb2_grpc.PreviewsServicer):
    """Previews of parts of images."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def PlanPreview(  # noqa: N802 - the contract's name
        self, request: previews_pb2.PlanPreviewRequest, context: Context
    ) -> previews_pb2.PreviewPlan:
        """Tell what is to be sent."""
        subject = await self._checked(request.subject)
        plan, _ = await self._ask(subject, subject.question(), b"")
        box = Box(*plan["box"])
        check_room(subject, box, self._house.limits)
        samples = [
            previews_pb2.GreySample(boxes=[box_message(Box(*ends)) for ends in boxes])
            for boxes in plan["samples"]
        ]
        return previews_pb2.PreviewPlan(box=box_message(box), samples=samples)

    async def PreviewPart(  # noqa: N802
        self, request: previews_pb2.PreviewPartRequest, context: Context
    ) -> previews_pb2.PreviewedPart:
        """Predict a part of an image."""
        subject = await self._checked(request.subject)
        box_zyx(request.box, subject.shape_czyx)
        box = box_of(request.box)
        check_voxels(subject, box, len(request.voxels), self._house.limits)
        output = output_of(request, subject.model)
        question = {
            **subject.question(),
            **output,
            "box": [box.start, box.stop],
            "statistics": [checked_statistics(row, subject.shape_czyx[0]) for row in request.statistics],
        }
        told, voxels = await self._ask(subject, question, request.voxels)
        return previews_pb2.PreviewedPart(
            voxels=voxels,
            channels=told["channels"],
            target=told["target"],
            classes=class_messages(LabelClass(*row) for row in told["classes"]),
            device=told["device"],
            notes=told["notes"],
            model_digest=subject.model.digest,
        )

    async def _checked(self, message: previews_pb2.PreviewSubject) -> "Subject":
        limits = self._house.limits
        shape = checked_shape(message.shape, limits)
        dtype = dtype_name(message.data_type)
        voxel_size = voxel_size_of(message)
        box_zyx(message.region, shape)
        region = box_of(message.region)
        viewer = check_uuid(message.viewer_id, "The viewer's id") if message.viewer_id else ""
        model = await self._house.quick(self._house.library.get, message.model_name)
        check_channels(shape[0], model)
        if answer_channels(model) * region.size > limits.max_preview_bytes:
            raise too_large(region, answer_channels(model) * region.size, limits)
        sides = None if voxel_size is None else voxel_size.zyx_nm
        return Subject(model, shape, dtype, sides, region, message.device, viewer)

    async def _ask(
        self, subject: "Subject", question: dict[str, Any], voxels: bytes
    ) -> tuple[dict[str, Any], bytes]:
        """Ask the process of previews, or raise what it refused."""
        await self._house.look_at_extensions()
        question["taken"] = self._house.supervisor.is_computing()
        answer = await self._house.previewer.ask(
            question, voxels, viewer=subject.viewer, state=self._house.extensions.state
        )
        if "sentence" in answer[0]:
            raise error_named(answer[0]["code"], answer[0]["sentence"])
        return answer


@dataclass(frozen=True)
class Subject:
    """Which part of which image is seen with which model, checked."""

    model: ModelPackage
    shape_czyx: tuple[int, int, int, int]
    dtype: str
    voxel_size_nm: tuple[float, float, float] | None
    region: Box
    device: str
    viewer: str

    def question(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "model": self.model.name,
            "shape": self.shape_czyx,
            "dtype": self.dtype,
            "voxel_size": self.voxel_size_nm,
            "region": [self.region.start, self.region.stop],
            "device": self.device,
        }


def check_channels(channels: int, model: ModelPackage) -> None:
    """Refuse an image with other channels than the model was trained on."""
    wanted = model.record["channels"]
    if channels != wanted:
        raise InvalidInput(
            f"The image has {channels} channel{'' if channels == 1 else 's'}, the model '{model.name}' was "
            f"trained on {wanted}. Choose an image with the same channels."
        )


def answer_channels(model: ModelPackage) -> int:
    """Return how many channels the labels of a model have."""
    return int(model.record["network"]["out_channels"]) if model.record["target"] == "masks" else 1


def check_room(subject: Subject, box: Box, limits: Limits) -> None:
    """Refuse a preview for which too much of the image would have to be sent."""
    wanted = subject.shape_czyx[0] * box.size * np.dtype(subject.dtype).itemsize
    if wanted > limits.max_preview_bytes:
        raise too_large(box, wanted, limits)


def too_large(box: Box, byte_count: int, limits: Limits) -> LimitExceeded:
    """Return the refusal of a preview that is too large."""
    voxels = " x ".join(map(str, box.shape))
    return LimitExceeded(
        f"The preview takes {voxels} voxels (z, y, x) of the image, {size(byte_count)}; this server takes "
        f"{size(limits.max_preview_bytes)} at most. Select a smaller part of the slice, and look at that."
    )


def check_voxels(subject: Subject, box: Box, sent: int, limits: Limits) -> None:
    """Refuse voxels that are too many, or not those of their box."""
    check_room(subject, box, limits)
    wanted = subject.shape_czyx[0] * box.size * np.dtype(subject.dtype).itemsize
    if sent != wanted:
        raise InvalidInput(f"{sent} bytes of voxels were sent; the box {box} has {wanted}.")


def output_of(request: previews_pb2.PreviewPartRequest, model: ModelPackage) -> dict[str, Any]:
    """Return which output is asked for, and of probabilities which channel."""
    output = request.output or "labels"
    if output not in OUTPUTS:
        raise InvalidInput(f"A preview shows {', '.join(OUTPUTS)}, not {output!r}.")
    if output != "probabilities":
        return {"output": output, "channel": None}
    return {"output": output, "channel": request.class_value - may_overlap(model.record)}


def checked_statistics(row: previews_pb2.GreyStatistics, channels: int) -> tuple[list[float], list[float]]:
    """Return mean and deviation for each channel, or refuse what cannot have been measured."""
    numbers = [*row.mean, *row.deviation]
    fits = len(row.mean) == len(row.deviation) == channels
    if not fits or not all(map(math.isfinite, numbers)) or min(row.deviation) < 0:
        raise InvalidInput(
            f"Each sample of grey values needs a finite mean and a deviation of at least 0 for each of the "
            f"{channels} channels."
        )
    return list(row.mean), list(row.deviation)
