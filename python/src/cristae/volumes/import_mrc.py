"""MRC files, as IMOD and the programs of electron tomography write them."""

import warnings
from pathlib import Path
from typing import Any, Literal

import mrcfile
import numpy as np

from cristae.errors import InvalidInput
from cristae.volumes.sliced import SlicedImage
from cristae.volumes.spec import VoxelSize
from cristae.volumes.units import voxel_size_in

_IMOD_STAMP = b"IMOD"
_SIGNED_FLAG = 1


def open_mrc(path: Path) -> SlicedImage:
    """Open an MRC file; its voxels stay on the disk until a box is asked for.

    Bytes are unsigned where IMOD says so, else signed, as the format says. Voxels of exactly 1 A are what
    programs write that know no size.

    Raises
    ------
    InvalidInput
        It is no MRC file, or was cut off.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that are not quite right; what matters is looked at
        try:
            file = mrcfile.mmap(path, mode="r", permissive=True)
        except (ValueError, OSError) as error:
            raise InvalidInput(
                f"{path.name} cannot be read as MRC ({str(error)[:200]}). It is something else, or was cut "
                "off; copy or save it again."
            ) from error
    if file.data is None or file.data.ndim < 2:
        raise InvalidInput(
            f"{path.name} cannot be read as MRC: its header does not fit its {path.stat().st_size} bytes. It "
            "is something else, or was cut off; copy or save it again."
        )
    array = file.data.view(np.uint8) if _is_unsigned(file.header) else file.data
    return SlicedImage(path.name, array, "TZYX"[-array.ndim :], *_voxel_size(path.name, file))


def _is_unsigned(header: Any) -> bool:
    """Tell whether IMOD wrote the bytes 0 to 255; its stamp and flags lie at the bytes 152 and 156."""
    extra = header["extra2"].tobytes()[40:48]
    order: Literal["little", "big"] = "little" if extra[:4] == _IMOD_STAMP else "big"
    is_imod = extra[:4] in (_IMOD_STAMP, _IMOD_STAMP[::-1])
    flags = int.from_bytes(extra[4:], order)
    return int(header["mode"]) == 0 and is_imod and not flags & _SIGNED_FLAG


def _voxel_size(name: str, file: Any) -> tuple[VoxelSize | None, tuple[str, ...]]:
    x, y, z = (float(file.voxel_size[axis]) for axis in "xyz")
    if x == y == z == 1.0:
        return None, (f"{name} says that its voxels are 1 A wide, as files do that know no size: left out.",)
    size = voxel_size_in("angstrom", z if z > 0 else x, y, x)
    return (None if size is None else VoxelSize(*size.zyx_nm, display_unit="nm")), ()
