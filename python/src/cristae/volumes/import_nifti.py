"""NIfTI files."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from cristae.errors import InvalidInput
from cristae.volumes.sliced import SlicedImage
from cristae.volumes.spec import VoxelSize
from cristae.volumes.units import voxel_size_in

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
        is_scaled = array.slope != 1.0 or array.inter != 0.0
        dtype = np.dtype(np.float32) if is_scaled else np.dtype(array.dtype)
        size = int(np.prod([int(side) for side in array.shape], dtype=object))
        if path.suffix.lower() != ".gz":
            if path.stat().st_size < array.offset + size * array.dtype.itemsize:
                raise EOFError("it is shorter than its header says")
            voxels: Any = _AsType(array, dtype)
        elif size * dtype.itemsize <= _MOST_UNPACKED_BYTES:
            voxels = array.get_scaled(dtype) if is_scaled else array.get_unscaled()
        else:
            raise InvalidInput(
                f"{path.name} is packed, and {size * dtype.itemsize / 2**30:.1f} GiB unpacked. Unpack it "
                "first (gunzip): then only those parts are read that are needed."
            )
        return SlicedImage(path.name, voxels, "XYZTUVW"[: len(array.shape)], _voxel_size(file.header))
    except (InvalidInput, MemoryError):
        raise
    except Exception as error:  # Damaged files raise whatever the parser and the unpacking trip over.
        raise InvalidInput(
            f"{path.name} cannot be read as NIfTI ({str(error)[:200]}). It is something else, or was cut "
            "off; copy or save it again."
        ) from error


class _AsType:
    """Slices of a file's array, of one number type: scaled ones come as 64-bit floats."""

    def __init__(self, array: Any, dtype: np.dtype[Any]) -> None:
        self._array, self.shape, self.dtype = array, array.shape, dtype

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self._array[index]).astype(self.dtype)


def _voxel_size(header: Any) -> VoxelSize | None:
    unit = str(header.get_xyzt_units()[0])
    x, y, *rest = (float(length) for length in header.get_zooms())
    return voxel_size_in(unit, rest[0] if rest else x, y, x)
