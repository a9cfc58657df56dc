"""What Fiji does for a preview, in Python."""

import numpy as np

from cristae.geometry import Box
from cristae.networks.statistics import gathered_statistics
from cristae.service.messages import box_message, box_of, spec_message
from cristae.v1 import previews_pb2
from cristae.volumes import VolumeSpec


def subject_of(image, model, region, **more):
    spec = spec_message(VolumeSpec(image.shape_czyx, image.dtype.name, image.voxel_size))
    size = spec.voxel_size if spec.HasField("voxel_size") else None
    return previews_pb2.PreviewSubject(
        model_name=model,
        shape=spec.shape,
        data_type=spec.data_type,
        voxel_size=size,
        region=box_message(region),
        **more,
    )


def request_of(client, image, subject, **more):
    """Ask for the plan, and bring what it wants."""
    plan = client.plan_preview(subject)
    box = box_of(plan.box)
    measured = [gathered_statistics(image.read(box_of(one)) for one in row.boxes) for row in plan.samples]
    return previews_pb2.PreviewPartRequest(
        subject=subject,
        box=plan.box,
        voxels=image.read(box).tobytes(),
        statistics=[
            previews_pb2.GreyStatistics(mean=one.mean, deviation=one.measured_std) for one in measured
        ],
        **more,
    )


def look(client, image, model, region, *, output="", class_value=0, **more):
    """Return what a model makes of a part of an image, (c, z, y, x), and the whole answer."""
    subject = subject_of(image, model, region, **more)
    request = request_of(client, image, subject, output=output, class_value=class_value)
    answer = client.preview_part(request)
    voxels = np.frombuffer(answer.voxels, np.uint8).reshape(answer.channels, *region.shape)
    return voxels, answer


def slice_of(image, z):
    """Return a whole slice as a region."""
    _, _, rows, columns = image.shape_czyx
    return Box((z, 0, 0), (z + 1, rows, columns))
