"""A folder of TIFF slices, one for each section, written box by box."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from cristae.errors import AlreadyExists, InvalidInput
from cristae.geometry import Box
from cristae.volumes.durable import (
    check_free_space,
    fsync_file,
    fsync_folder,
    fsync_tree,
    full_disk_told,
    write_all,
)
from cristae.volumes.image import Voxels
from cristae.volumes.output_tiff import imagej_calibration
from cristae.volumes.spec import VolumeSpec
from cristae.volumes.staging import StagedTarget
from cristae.volumes.writer import fitting

_FOLDER, _LAID_OUT = "slices", "laid-out"
_FEWEST_DIGITS = 4


class SliceOutput:
    """A folder ``0000.tif``, ``0001.tif``, ... on its way, each with ImageJ's calibration.

    Raises
    ------
    InvalidInput
        There are several channels.
    AlreadyExists
        A folder that is to be replaced holds more than TIFF files.
    """

    def __init__(self, staged: StagedTarget, spec: VolumeSpec) -> None:
        if spec.shape_czyx[0] > 1:
            raise InvalidInput(
                f"A folder of slices holds one channel, but this result has {spec.shape_czyx[0]}; write it "
                "to a name that ends in .tif, .ome.tif, .zarr or .h5."
            )
        _refuse_other_files(staged.target)
        self.shape_czyx = spec.shape_czyx
        self.dtype: np.dtype[Any] = np.dtype(spec.dtype)
        self._staged = staged
        self._folder = staged.folder / _FOLDER
        # A process may have been killed before every slice was there.
        self.resumed = staged.resumed and self._folder.is_dir()
        self._lock = threading.Lock()
        self._unsynced: set[int] = set()
        header, self._stored = _header(spec)
        self._start = len(header)
        self._digits = max(_FEWEST_DIGITS, len(str(spec.shape_czyx[1] - 1)))
        if not self.resumed:
            check_free_space(staged.folder, spec.blocks.total_bytes, 0)
            with full_disk_told():
                self._lay_out(header, spec.blocks.total_bytes // spec.shape_czyx[1])

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write a box; `voxels` is (1, z, y, x) or (z, y, x)."""
        voxels = fitting(voxels, box_zyx, self.shape_czyx, self.dtype).astype(self._stored, copy=False)
        (z0, y0, x0), (z1, y1, _) = box_zyx.start, box_zyx.stop
        columns, item = self.shape_czyx[3], self.dtype.itemsize
        with self._lock, full_disk_told():
            for z in range(z0, z1):
                # A buffer would be filled anew for every row.
                with self._path(z).open("r+b", buffering=0) as file:
                    for y in range(y0, y1):
                        file.seek(self._start + (y * columns + x0) * item)
                        write_all(file.fileno(), voxels[0, z - z0, y - y0].tobytes())
                self._unsynced.add(z)

    def sync(self) -> None:
        """Wait until what was written is safe against a power cut."""
        with self._lock, full_disk_told():
            while self._unsynced:
                fsync_file(self._path(min(self._unsynced)))
                self._unsynced.remove(min(self._unsynced))

    def seal(self) -> Path:
        """Finish and return the path."""
        with full_disk_told():
            fsync_tree(self._folder)
        self._staged.finish(_FOLDER)
        return self._staged.target

    def discard(self) -> None:
        """Throw it away."""
        self._staged.discard()

    def close(self) -> None:
        """Let go of it; it can be taken up again with `resume`."""
        self._staged.close()

    def _lay_out(self, header: bytes, plane_bytes: int) -> None:
        made = self._staged.folder / _LAID_OUT
        made.mkdir(exist_ok=True)
        for z in range(self.shape_czyx[1]):
            with (made / self._path(z).name).open("wb") as file:
                file.write(header)
                file.truncate(len(header) + plane_bytes)
        fsync_folder(made)
        made.rename(self._folder)
        fsync_folder(self._staged.folder)

    def _path(self, z: int) -> Path:
        return self._folder / f"{z:0{self._digits}d}.tif"


def _refuse_other_files(target: Path) -> None:
    if target.is_dir():
        other = next((entry for entry in target.iterdir() if not _is_slice(entry)), None)
        if other is not None:
            raise AlreadyExists(
                f"The folder {target.name} holds more than slices ({other.name}) and is not replaced; "
                "choose another name."
            )


def _is_slice(entry: Path) -> bool:
    return entry.is_file() and entry.suffix.lower() in (".tif", ".tiff")


def _header(spec: VolumeSpec) -> tuple[bytes, "np.dtype[Any]"]:
    """Return what stands before the voxels of a slice, the same in each, and their type with its byte order.

    The description is written by hand: tifffile refuses 32-bit ids in ImageJ's TIFF, which ImageJ opens.
    """
    rows, columns = spec.shape_czyx[2:]
    described, resolution = "ImageJ=1.54p\nimages=1\n", (1.0, 1.0)
    if spec.voxel_size is not None:
        unit, spacing, resolution = imagej_calibration(spec.voxel_size)
        described += f"unit={unit}\nspacing={spacing}\n"
    if spec.classes:
        # Eight-bit labels are nearly black in ImageJ unless it is told their range.
        described += f"min=0.0\nmax={float(max(entry.value for entry in spec.classes))}\n"
    made = io.BytesIO()
    tifffile.imwrite(
        made,
        shape=(rows, columns),
        dtype=spec.dtype,
        photometric="minisblack",
        description=described,
        metadata=None,
        resolution=resolution,
        resolutionunit="NONE",
        software="",
    )
    made.seek(0)
    with tifffile.TiffFile(made) as file:
        start, order = file.pages.first.dataoffsets[0], file.byteorder
    return made.getvalue()[:start], np.dtype(spec.dtype).newbyteorder(order)
