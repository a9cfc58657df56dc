"""HDF5 files written box by box."""

import io
import json
import threading
from collections.abc import Buffer
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cristae.errors import DiskFull
from cristae.geometry import Box
from cristae.volumes.durable import check_free_space, write_all
from cristae.volumes.image import Voxels
from cristae.volumes.records import classes_to_json
from cristae.volumes.spec import VolumeSpec
from cristae.volumes.staging import StagedTarget
from cristae.volumes.writer import fitting

DATASET = "data"
_FILE = "image.h5"

_FULL = (
    "The HDF5 file could not be written; probably the disk is full. Free some space, then begin again: what "
    "was written of it is lost. An .ome.zarr would go on."
)


class _EveryWriteTaken(io.FileIO):
    """A file that notes a write that failed instead of failing.

    The HDF5 library crashes the process when a file is closed whose last bytes could not be written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+b")
        self.failure: OSError | None = None

    def write(self, data: Buffer) -> int:
        view = memoryview(data).cast("B")
        try:
            write_all(self.fileno(), view)
        except OSError as error:
            self.failure = self.failure or error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return 0

    def check(self) -> None:
        """Raise what was noted."""
        if self.failure is not None:
            raise DiskFull(_FULL, Path(str(self.name)).parent) from self.failure


class Hdf5Output:
    """An HDF5 file on its way: data set ``data``, (z, y, x), or (c, z, y, x) if there are several channels.

    Its attribute ``element_size_um`` (z, y, x) is what Fiji's HDF5 plugin, ilastik and PlantSeg read.  A
    killed process leaves an HDF5 file that nobody can open, so such an output begins anew.
    """

    resumed = False

    def __init__(self, staged: StagedTarget, spec: VolumeSpec) -> None:
        self.shape_czyx = spec.shape_czyx
        self.dtype: np.dtype[Any] = np.dtype(spec.dtype)
        self._staged = staged
        self._lock = threading.Lock()
        self._skip = 1 if spec.shape_czyx[0] == 1 else 0
        self._bytes = _EveryWriteTaken(staged.folder / _FILE)
        self._file = h5py.File(self._bytes, "w")
        self._data = self._file.create_dataset(
            DATASET,
            spec.shape_czyx[self._skip :],
            spec.dtype,
            chunks=spec.block_shape_czyx[self._skip :],
            compression="gzip",
            compression_opts=1,
            shuffle=True,
            fletcher32=True,
        )
        if spec.voxel_size is not None:
            self._data.attrs["element_size_um"] = [nm / 1000 for nm in spec.voxel_size.zyx_nm]
            self._data.attrs["display_unit"] = spec.voxel_size.display_unit
        if spec.classes:
            self._data.attrs["classes"] = json.dumps(classes_to_json(spec.classes), ensure_ascii=False)

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write a box; `voxels` is (c, z, y, x), or (z, y, x) if there is one channel."""
        voxels = fitting(voxels, box_zyx, self.shape_czyx, self.dtype)
        try:
            check_free_space(self._staged.folder, voxels.nbytes, 0)
        except DiskFull as full:  # whose own sentence promises that it goes on
            raise DiskFull(_FULL, self._staged.folder) from full
        with self._lock:
            try:
                if self._skip:
                    self._data[box_zyx.slices] = voxels[0]
                else:
                    self._data[(slice(None), *box_zyx.slices)] = voxels
            finally:
                self._bytes.check()

    def sync(self) -> None:
        """Do nothing: what was interrupted begins anew, so no note ever counts."""

    def seal(self) -> Path:
        """Finish and return the path."""
        self._close()
        self._bytes.check()
        self._staged.finish(_FILE)
        return self._staged.target

    def discard(self) -> None:
        """Throw it away."""
        self._close()
        self._staged.discard()

    def close(self) -> None:
        """Let go of it; the next attempt begins anew."""
        self._close()
        self._staged.close()

    def _close(self) -> None:
        self._file.close()
        self._bytes.close()
