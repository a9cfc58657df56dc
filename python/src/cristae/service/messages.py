"""Between the contract's messages and the program's own words, checked on the way in."""

import math
import re
import uuid
from collections.abc import Iterable

from cristae.errors import InvalidInput, LimitExceeded
from cristae.geometry import Box
from cristae.service.status import OutsideVolume
from cristae.settings import Limits
from cristae.v1 import common_pb2, previews_pb2, volumes_pb2
from cristae.volumes import LabelClass, VolumeSpec, VoxelSize
from cristae.volumes.classes import check_classes

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DATA_TYPES = {
    common_pb2.DATA_TYPE_UINT8: "uint8",
    common_pb2.DATA_TYPE_UINT16: "uint16",
    common_pb2.DATA_TYPE_UINT32: "uint32",
    common_pb2.DATA_TYPE_FLOAT32: "float32",
}
_DTYPES = {name: number for number, name in _DATA_TYPES.items()}


def check_digest(text: str, what: str) -> str:
    """Return a digest, or refuse what is none.

    Examples
    --------
    >>> check_digest("../secret", "The volume id")
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: The volume id is not a digest: 64 lower-case hex digits are expected.
    """
    if not _DIGEST.fullmatch(text):
        raise InvalidInput(f"{what} is not a digest: 64 lower-case hex digits are expected.")
    return text


def check_uuid(text: str, what: str) -> str:
    """Return an id that a client made, or refuse what is not a UUID in its usual 36 characters."""
    try:
        known = str(uuid.UUID(text)) == text
    except ValueError:
        known = False
    if not known:
        raise InvalidInput(f"{what} is not a UUID in its usual 36 lower-case characters; make a random one.")
    return text


# Shapes, voxel sizes, classes, volumes


def shape_czyx(shape: common_pb2.Shape) -> tuple[int, int, int, int]:
    """Return a shape as a tuple (c, z, y, x)."""
    return shape.c, shape.z, shape.y, shape.x


def shape_message(shape: tuple[int, int, int, int]) -> common_pb2.Shape:
    """Return a tuple (c, z, y, x) as a message."""
    c, z, y, x = shape
    return common_pb2.Shape(c=c, z=z, y=y, x=x)


def volume_spec(message: volumes_pb2.VolumeSpec, limits: Limits) -> VolumeSpec:
    """Return what a volume is, or refuse it.

    Raises
    ------
    InvalidInput
        If shape, data type, voxel size, classes or name cannot be.
    LimitExceeded
        If it has too many voxels or channels.
    """
    return VolumeSpec(
        shape_czyx=checked_shape(message.shape, limits),
        dtype=dtype_name(message.data_type),
        voxel_size=voxel_size_of(message),
        block_shape_czyx=shape_czyx(message.block_shape),
        name=check_name(message.name, limits, "The volume's name"),
        classes=classes(message.classes, limits),
    )


def checked_shape(message: common_pb2.Shape, limits: Limits) -> tuple[int, int, int, int]:
    """Return the shape (c, z, y, x) of an image, or refuse it.

    Raises
    ------
    InvalidInput
        If an axis is empty.
    LimitExceeded
        If it has too many voxels or channels.
    """
    shape = shape_czyx(message)
    if min(shape) < 1:
        raise InvalidInput(f"Every axis needs at least one voxel; the shape (c, z, y, x) is {shape}.")
    if shape[0] > limits.max_channels:
        raise LimitExceeded(f"The image has {shape[0]} channels; at most {limits.max_channels} are taken.")
    if math.prod(shape) > limits.max_voxels:
        raise LimitExceeded(
            f"The image has {math.prod(shape):,} voxels; at most {limits.max_voxels:,} are taken."
        )
    return shape


def dtype_name(data_type: common_pb2.DataType) -> str:
    """Return the type of a voxel by its name in NumPy, or refuse one that is none."""
    dtype = _DATA_TYPES.get(data_type)
    if dtype is None:
        raise InvalidInput(
            "The voxel's type is not one of uint8, uint16, uint32, float32; convert the image."
        )
    return dtype


def voxel_size_of(message: volumes_pb2.VolumeSpec | previews_pb2.PreviewSubject) -> VoxelSize | None:
    """Return the voxel size of an image, None if it is not known; refuse one that cannot be."""
    if not message.HasField("voxel_size"):
        return None
    size = message.voxel_size
    return VoxelSize(size.z_nm, size.y_nm, size.x_nm, size.display_unit or "nm")


def check_name(name: str, limits: Limits, what: str) -> str:
    """Return a name for people, or refuse one that is too long."""
    if len(name) > limits.max_name_length:
        raise LimitExceeded(
            f"{what} has {len(name)} characters; at most {limits.max_name_length} are taken. Shorten it."
        )
    return name


def classes(rows: Iterable[common_pb2.LabelClass], limits: Limits) -> tuple[LabelClass, ...]:
    """Return the class table of a volume, or refuse one whose values are not 1, 2, ... n."""
    table = label_values(rows, limits)
    if [row.value for row in table] != list(range(1, len(table) + 1)):
        raise InvalidInput("The classes must have the values 1, 2, 3, ... without a gap and in this order.")
    return table


def label_values(rows: Iterable[common_pb2.LabelClass], limits: Limits) -> tuple[LabelClass, ...]:
    """Return what the values of labels to learn from mean, or refuse a value that is named twice."""
    table = tuple(
        LabelClass(row.value, check_name(row.name, limits, "A class's name"), row.rgb) for row in rows
    )
    if len(table) > limits.max_classes:
        raise LimitExceeded(f"{len(table)} classes were named; at most {limits.max_classes} are taken.")
    check_classes(table)
    return table


def class_messages(table: Iterable[LabelClass]) -> list[common_pb2.LabelClass]:
    """Return a class table as messages."""
    return [common_pb2.LabelClass(value=row.value, name=row.name, rgb=row.rgb) for row in table]


def voxel_size_message(size: VoxelSize | None) -> common_pb2.VoxelSize | None:
    """Return a voxel size as a message, None for None."""
    if size is None:
        return None
    return common_pb2.VoxelSize(
        z_nm=size.z_nm, y_nm=size.y_nm, x_nm=size.x_nm, display_unit=size.display_unit
    )


def spec_message(spec: VolumeSpec) -> volumes_pb2.VolumeSpec:
    """Return what a volume is as a message."""
    return volumes_pb2.VolumeSpec(
        shape=shape_message(spec.shape_czyx),
        data_type=_DTYPES[spec.dtype],
        voxel_size=voxel_size_message(spec.voxel_size),
        block_shape=shape_message(spec.block_shape_czyx),
        name=spec.name,
        classes=class_messages(spec.classes),
    )


def box_of(message: common_pb2.Box) -> Box:
    """Return a box (z, y, x) of a message, or refuse one that is empty."""
    start = (message.z_start, message.y_start, message.x_start)
    return Box(start, (message.z_stop, message.y_stop, message.x_stop))


def box_message(box: Box) -> common_pb2.Box:
    """Return a box (z, y, x) as a message."""
    (z_start, y_start, x_start), (z_stop, y_stop, x_stop) = box.start, box.stop
    return common_pb2.Box(
        z_start=z_start, y_start=y_start, x_start=x_start, z_stop=z_stop, y_stop=y_stop, x_stop=x_stop
    )


def box_zyx(box: common_pb2.Box, shape: tuple[int, int, int, int]) -> tuple[tuple[int, int], ...]:
    """Return the half-open ranges (z, y, x) of a box inside a volume, or raise OutsideVolume."""
    ranges = ((box.z_start, box.z_stop), (box.y_start, box.y_stop), (box.x_start, box.x_stop))
    for axis, (start, stop), size in zip("zyx", ranges, shape[1:], strict=True):
        if not start < stop <= size:
            raise OutsideVolume(
                f"The box asks for {axis} from {start} to {stop}; the volume has 0 to {size}."
            )
    return ranges
