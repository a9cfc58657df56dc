"""What a volume is, without its voxels."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cristae.errors import InvalidInput, LimitExceeded
from cristae.volumes.blocks import BlockGrid, block_shape_for
from cristae.volumes.classes import MAX_NAME_LENGTH, LabelClass, check_classes

DTYPES: Final = ("uint8", "uint16", "uint32", "float32")
MAX_VOXELS: Final = 2**41
MAX_AXIS: Final = 2**31 - 1
MAX_BLOCK_BYTES: Final = 2 * 1024 * 1024
MAX_UNIT_LENGTH: Final = 32
MAX_CLASSES: Final = 65_536


@dataclass(frozen=True, slots=True)
class VoxelSize:
    """The distance between voxel centres, in nanometres.

    Parameters
    ----------
    z_nm, y_nm, x_nm
        Distance between sections, rows and columns, each finite and greater than 0.
    display_unit
        The unit in which the person sees lengths, as ImageJ names it ("micron", "nm"); it does not change the
        numbers above.  Empty means "nm".

    Examples
    --------
    >>> VoxelSize(50, 4.6, 4.6).zyx_nm
    (50.0, 4.6, 4.6)
    """

    z_nm: float
    y_nm: float
    x_nm: float
    display_unit: str = "nm"

    def __post_init__(self) -> None:
        for axis in ("z_nm", "y_nm", "x_nm"):
            value = float(getattr(self, axis))
            if not (math.isfinite(value) and value > 0):
                raise InvalidInput(
                    f"The voxel size {axis[0]} is {value} nm; it must be a number above 0, or leave it out."
                )
            object.__setattr__(self, axis, value)
        unit = self.display_unit
        if len(unit) > MAX_UNIT_LENGTH:
            raise InvalidInput(
                f"The unit of length has {len(unit)} characters; at most {MAX_UNIT_LENGTH} are allowed."
            )
        if not unit.isprintable() or '"' in unit or "\\" in unit:
            raise InvalidInput(
                "The unit of length holds a quote, a backslash or a control character; use a plain name."
            )

    @property
    def zyx_nm(self) -> tuple[float, float, float]:
        """The three distances in nanometres."""
        return self.z_nm, self.y_nm, self.x_nm


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """What a volume is: shape, number type, voxel size, block grid, name and classes.

    Parameters
    ----------
    shape_czyx
        Channels, sections, rows and columns; a 2D image has one section.
    dtype
        One of ``DTYPES``.
    voxel_size
        None if it is not known.
    block_shape_czyx
        Voxels of a block; by default what `block_shape_for` says.
    name
        For people, at most 120 characters.
    classes
        The class table of a label image, if known.

    Raises
    ------
    InvalidInput
        Something is not by these rules.
    LimitExceeded
        More than 2^41 voxels, or blocks of more than 2 MiB.

    Examples
    --------
    >>> spec = VolumeSpec((1, 50, 100, 200), "uint8", VoxelSize(10, 10, 10))
    >>> spec.block_shape_czyx, spec.blocks.count
    ((1, 16, 100, 200), 4)
    """

    shape_czyx: tuple[int, int, int, int]
    dtype: str
    voxel_size: VoxelSize | None = None
    block_shape_czyx: tuple[int, int, int, int] = (0, 0, 0, 0)
    name: str = ""
    classes: tuple[LabelClass, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InvalidInput(
                f"Voxels of type {self.dtype} cannot be stored; use one of {', '.join(DTYPES)}."
            )
        object.__setattr__(self, "shape_czyx", check_shape(self.shape_czyx))
        if self.block_shape_czyx == (0, 0, 0, 0):
            rule = block_shape_for(self.shape_czyx, self.itemsize)
            object.__setattr__(self, "block_shape_czyx", rule)
        block = tuple(int(length) for length in self.block_shape_czyx)
        if len(block) != 4 or any(not 1 <= b <= n for b, n in zip(block, self.shape_czyx, strict=True)):
            raise InvalidInput(
                f"Blocks of {block} voxels do not fit a volume of {self.shape_czyx} (c, z, y, x)."
            )
        object.__setattr__(self, "block_shape_czyx", block)
        if math.prod(block) * self.itemsize > MAX_BLOCK_BYTES:
            raise LimitExceeded(f"Blocks of {block} voxels exceed {MAX_BLOCK_BYTES} bytes; use smaller ones.")
        if len(self.name) > MAX_NAME_LENGTH:
            raise InvalidInput(
                f"The name has {len(self.name)} characters; at most {MAX_NAME_LENGTH} are allowed."
            )
        try:
            self.name.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("The name holds characters that are no text; choose another one.") from error
        if len(self.classes) > MAX_CLASSES:
            raise LimitExceeded(
                f"The class table has {len(self.classes)} entries; at most {MAX_CLASSES} are allowed."
            )
        object.__setattr__(self, "classes", tuple(self.classes))
        check_classes(self.classes)

    @property
    def itemsize(self) -> int:
        """Bytes of a voxel."""
        return np.dtype(self.dtype).itemsize

    @property
    def blocks(self) -> BlockGrid:
        """The block grid."""
        return BlockGrid(self.shape_czyx, self.block_shape_czyx, self.itemsize)


def check_shape(shape_czyx: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the shape as four plain integers, or refuse it."""
    if len(shape_czyx) != 4:
        raise InvalidInput(f"A shape has four axes (c, z, y, x), but {len(shape_czyx)} were given.")
    c, z, y, x = (int(length) for length in shape_czyx)
    if min(c, z, y, x) < 1:
        raise InvalidInput(f"The shape {(c, z, y, x)} (c, z, y, x) has an empty axis; each needs a voxel.")
    if max(c, z, y, x) > MAX_AXIS or c * z * y * x > MAX_VOXELS:
        raise LimitExceeded(
            f"The shape {(c, z, y, x)} (c, z, y, x) has {c * z * y * x} voxels; at most 2^41 in all and "
            "2^31 - 1 on one axis are allowed. Cut the volume into parts."
        )
    return c, z, y, x
