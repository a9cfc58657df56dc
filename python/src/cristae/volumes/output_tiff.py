"""TIFF files written box by box, with ImageJ's calibration, in memory that does not grow with the volume.

The file is laid out once, with its voxels in one piece, and boxes are written at their places.  Not through
a memory map: on a full disk that ends the process, and mapped pages count as its memory.
"""

import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from cristae.errors import CorruptData
from cristae.geometry import Box
from cristae.volumes.durable import check_free_space, fsync_folder, full_disk_told, write_all
from cristae.volumes.image import Voxels
from cristae.volumes.spec import VolumeSpec, VoxelSize
from cristae.volumes.staging import StagedTarget
from cristae.volumes.units import in_unit
from cristae.volumes.writer import fitting

_CLASSIC_BYTES = 2**32 - 2**25
"""A classic TIFF has 32-bit offsets; some room is left for its directory."""
_EXACT_IN_FLOAT32 = 2**24
_WIDEST_BAND = 16
"""A box at least this part of the volume's width is written as whole rows."""
_FILE, _LAID_OUT, _LARGE_IDS = "image.tif", "laid-out.tif", "large-ids.tif"


class TiffOutput:
    """A TIFF file on its way.

    ImageJ has no 32-bit integers: ids are written as float32, which is exact up to 2^24; if a larger one was
    written, sealing makes an OME-TIFF of uint32 instead.

    Parameters
    ----------
    staged
        Where it is made.
    spec
        What it holds.
    ome
        Make an OME-TIFF; so is every file that is too large for ImageJ's TIFF.
    """

    def __init__(self, staged: StagedTarget, spec: VolumeSpec, *, ome: bool = False) -> None:
        self.spec = spec
        self.shape_czyx = spec.shape_czyx
        self.dtype: np.dtype[Any] = np.dtype(spec.dtype)
        self._staged = staged
        self._path = staged.folder / _FILE
        # A process may have been killed before the file was laid out.
        self.resumed = staged.resumed and self._path.is_file()
        self._lock = threading.Lock()
        for_imagej = not ome and spec.blocks.total_bytes <= _CLASSIC_BYTES
        shown = "float32" if spec.dtype == "uint32" and for_imagej else spec.dtype
        if not self.resumed:
            check_free_space(staged.folder, spec.blocks.total_bytes, 0)
            with full_disk_told():
                made = staged.folder / _LAID_OUT
                (_lay_out_imagej if for_imagej else _write_ome)(made, spec, shown)
                made.replace(self._path)
                fsync_folder(staged.folder)
        self._converts = shown != spec.dtype
        self._start, order = _voxels_at(self._path)
        self._stored = self.dtype.newbyteorder(order)
        # ImageJ's channels lie between the sections, OME's outside of them.
        c, z, _, _ = spec.shape_czyx
        self._strides = (1, c) if for_imagej else (z, 1)
        self._descriptor = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write a box; `voxels` is (c, z, y, x), or (z, y, x) if there is one channel."""
        voxels = fitting(voxels, box_zyx, self.shape_czyx, self.dtype).astype(self._stored, copy=False)
        (z0, y0, x0), (_, y1, x1) = box_zyx.start, box_zyx.stop
        rows, columns = self.shape_czyx[2:]
        with self._lock, full_disk_told():
            for c in range(voxels.shape[0]):
                for z in range(voxels.shape[1]):
                    plane = c * self._strides[0] + (z0 + z) * self._strides[1]
                    part = np.ascontiguousarray(voxels[c, z])
                    if columns <= _WIDEST_BAND * (x1 - x0):
                        # One read and one write of whole rows take less time than many small writes.
                        band = part
                        if (x0, x1) != (0, columns):
                            band = self._get((plane * rows + y0) * columns, (y1 - y0) * columns)
                            band = band.reshape(y1 - y0, columns).copy()
                            band[:, x0:x1] = part
                        self._put((plane * rows + y0) * columns, band)
                        continue
                    for y in range(y0, y1):
                        self._put((plane * rows + y) * columns + x0, part[y - y0])

    def sync(self) -> None:
        """Wait until what was written is safe against a power cut."""
        with full_disk_told():
            os.fsync(self._descriptor)

    def seal(self) -> Path:
        """Finish and return the path."""
        made = _FILE
        with full_disk_told():
            if self._converts and not self._to_float32():
                made = _LARGE_IDS
                self._copy_large_ids()
        self._close()
        self._staged.finish(made)
        return self._staged.target

    def discard(self) -> None:
        """Throw it away."""
        self._close()
        self._staged.discard()

    def close(self) -> None:
        """Let go of it; it can be taken up again with `resume`."""
        self._close()
        self._staged.close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _put(self, voxel: int, part: Voxels) -> None:
        os.lseek(self._descriptor, self._start + voxel * self.dtype.itemsize, os.SEEK_SET)
        write_all(self._descriptor, part.reshape(-1).view(np.uint8).data)

    def _get(self, voxel: int, count: int) -> Voxels:
        os.lseek(self._descriptor, self._start + voxel * self.dtype.itemsize, os.SEEK_SET)
        data = b""
        while len(data) < count * self.dtype.itemsize:
            more = os.read(self._descriptor, count * self.dtype.itemsize - len(data))
            if not more:
                raise CorruptData(f"The unfinished {self._staged.target.name} was cut off; begin it anew.")
            data += more
        return np.frombuffer(data, self._stored)

    def _plane(self, number: int) -> Voxels:
        count = math.prod(self.shape_czyx[2:])
        return self._get(number * count, count)

    def _to_float32(self) -> bool:
        """Turn the ids into float32 where they lie; return False, and change nothing, if one is too large."""
        planes = range(self.shape_czyx[0] * self.shape_czyx[1])
        count = math.prod(self.shape_czyx[2:])
        if any(int(self._plane(plane).max()) > _EXACT_IN_FLOAT32 for plane in planes):
            return False
        self._staged.forbid_resuming()  # A half-converted file must not be taken up again.
        for plane in planes:
            shown = self._plane(plane).astype(np.dtype(np.float32).newbyteorder(self._stored.byteorder))
            self._put(plane * count, shown)
        return True

    def _copy_large_ids(self) -> None:
        (c_step, z_step), (channels, sections, rows, columns) = self._strides, self.shape_czyx
        planes = (
            self._plane(c * c_step + z * z_step).reshape(rows, columns)
            for c in range(channels)
            for z in range(sections)
        )
        _write_ome(self._staged.folder / _LARGE_IDS, self.spec, "uint32", planes)


def imagej_calibration(size: VoxelSize) -> tuple[str, float, tuple[float, float]]:
    r"""Return what ImageJ reads: the unit in ASCII, the spacing of sections, and pixels per unit (x, y).

    Examples
    --------
    >>> imagej_calibration(VoxelSize(50, 4, 4, "\u00b5m"))
    ('\\u00B5m', 0.05, (250.0, 250.0))
    """
    unit, (step_z, step_y, step_x) = in_unit(size)
    ascii_unit = unit.encode("ascii", "backslashreplace").decode().replace("\\xb5", "\\u00B5")
    return ascii_unit, step_z, (1 / step_x, 1 / step_y)


def _lay_out_imagej(path: Path, spec: VolumeSpec, shown: str) -> None:
    c, z, y, x = spec.shape_czyx
    # The samples are named: tifffile takes the last axis of length 1 away, and it may be that of the columns.
    metadata: dict[str, Any] = {"axes": "ZCYXS"}
    resolution = (1.0, 1.0)
    if spec.voxel_size is not None:
        unit, spacing, resolution = imagej_calibration(spec.voxel_size)
        metadata |= {"unit": unit, "spacing": spacing}
    if spec.classes:
        # Eight-bit labels are nearly black in ImageJ unless it is told their range.
        metadata |= {"min": 0.0, "max": float(max(entry.value for entry in spec.classes))}
        metadata["Info"] = "".join(f"{entry.value} = {entry.name}\n" for entry in spec.classes)
    tifffile.imwrite(
        path,
        shape=(z, c, y, x, 1),
        dtype=shown,
        imagej=True,
        photometric="minisblack",
        resolution=resolution,
        metadata=metadata,
    )


def _write_ome(path: Path, spec: VolumeSpec, shown: str, planes: Iterator[Voxels] | None = None) -> None:
    """Write planes (y, x) channel by channel; without them only the place for them is laid out."""
    metadata: dict[str, Any] = {"axes": "CZYX", "Name": spec.name}
    if spec.voxel_size is not None:
        for axis, length in zip("ZYX", spec.voxel_size.zyx_nm, strict=True):
            metadata |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": "nm"}
    if spec.classes:
        metadata["Description"] = "".join(f"{entry.value} = {entry.name}\n" for entry in spec.classes)
    tifffile.imwrite(
        path,
        planes,
        shape=spec.shape_czyx,
        dtype=shown,
        bigtiff=spec.blocks.total_bytes > _CLASSIC_BYTES,
        ome=True,
        photometric="minisblack",
        metadata=metadata,
    )


def _voxels_at(path: Path) -> tuple[int, Any]:
    """Return where the voxels begin, and the byte order."""
    with tifffile.TiffFile(path) as file:
        offset = file.series[0].dataoffset
        if offset is None:
            raise AssertionError("tifffile laid the voxels out in pieces")
        return int(offset), file.byteorder
