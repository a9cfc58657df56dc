"""NIfTI files."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError

from cristae.errors import InvalidInput
from cristae.volumes.sliced import SlicedImage
from cristae.volumes.spec import VoxelSize
from cristae.volumes.units import voxel_size_in

ENDINGS = (".nii", ".nii.gz")
_MOST_UNPACKED_BYTES = 2 * 1024**3


def open_nifti(path: Path) -> SlicedImage:
    """Open a NIfTI file. Its axes are x, y, z, time; a packed one (``.nii.gz``) is unpacked into memory.

    Raises
    ------
    InvalidInput
        It is no NIfTI file, was cut off, or is packed and large.
    """
    try:
        file: Any = nibabel.load(path)
        array = file.dataobj
        if path.suffix.lower() == ".gz":
            _check_size(path, array)
            array = np.asanyarray(array)
        elif path.stat().st_size < array.offset + _bytes_of(array):
            raise InvalidInput(f"{path.name} was cut off: it is shorter than its header says. Copy it again.")
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as NIfTI ({str(error)[:200]}). It is something else, or was cut "
            "off; copy or save it again."
        ) from error
    return SlicedImage(path.name, _Scaled(array), "XYZTUVW"[: len(array.shape)], _voxel_size(file.header))


class _Scaled:
    """Slices of a file's array, in 32-bit floats where the file scales its numbers."""

    def __init__(self, array: Any) -> None:
        self._array, self.shape = array, array.shape
        is_scaled = getattr(array, "slope", 1.0) != 1.0 or getattr(array, "inter", 0.0) != 0.0
        self.dtype = np.dtype(np.float32) if is_scaled else np.dtype(array.dtype)

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self._array[index]).astype(self.dtype)


def _check_size(path: Path, array: Any) -> None:
    if _bytes_of(array) > _MOST_UNPACKED_BYTES:
        raise InvalidInput(
            f"{path.name} is packed, and {_bytes_of(array) / 2**30:.1f} GiB unpacked. Unpack it first "
            "(gunzip): then only those parts are read that are needed."
        )


def _bytes_of(array: Any) -> int:
    return int(np.prod([int(side) for side in array.shape], dtype=object)) * int(array.dtype.itemsize)


def _voxel_size(header: Any) -> VoxelSize | None:
    unit = str(header.get_xyzt_units()[0])
    x, y, *rest = (float(length) for length in header.get_zooms())
    return voxel_size_in(unit, rest[0] if rest else x, y, x)
