"""One door for results that go into files: TIFF, OME-TIFF, slices, OME-Zarr, HDF5, by the name's ending."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes.classes import LabelClass
from cristae.volumes.durable import fsync_tree, is_real_folder
from cristae.volumes.image import Voxels
from cristae.volumes.output_hdf5 import Hdf5Output
from cristae.volumes.output_slices import SliceOutput
from cristae.volumes.output_tiff import TiffOutput
from cristae.volumes.records import spec_to_json
from cristae.volumes.sealing import Pyramid
from cristae.volumes.spec import VolumeSpec, VoxelSize
from cristae.volumes.staging import StagedTarget
from cristae.volumes.stored import StoredVolume
from cristae.volumes.writer import Output, VolumeWriter

_ENDINGS = {
    ".zarr": "zarr",
    ".ome.tif": "ome-tiff",
    ".ome.tiff": "ome-tiff",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}
"""The first that fits counts."""


def create_output(
    path: Path | str,
    shape_czyx: tuple[int, int, int, int],
    dtype: np.dtype[Any] | str,
    voxel_size: VoxelSize | None = None,
    *,
    name: str = "",
    classes: Sequence[LabelClass] = (),
    labels: bool = False,
    overwrite: bool = False,
    resume: bool = False,
) -> Output:
    """Begin a file that is written box by box; it appears under its name only when it is sealed.

    Parameters
    ----------
    path
        ``.tif``, ``.tiff`` (ImageJ opens it with its calibration; beyond 4 GB an OME-TIFF), ``.ome.tif``,
        ``.ome.tiff``, ``.zarr`` (OME-Zarr 0.5), ``.h5`` or ``.hdf5`` (data set ``data``). A name that ends in
        a slash, or an empty folder that is there, is a folder of TIFF slices.
    shape_czyx
        Channels, sections, rows, columns.
    dtype
        uint8, uint16, uint32 or float32.
    voxel_size
        None if it is not known.
    name
        For people; by default the file's name.
    classes
        The class table of a label image.
    labels
        Whether it holds numbers of classes or objects, which are never averaged; with `classes` it does.
    overwrite
        Whether an existing file, or a folder of slices, may be replaced, at the very end.
    resume
        Whether to go on with what a killed process left; `Output.resumed` says whether there was something.

    Raises
    ------
    AlreadyExists
        The file is there, and `overwrite` is false.
    InvalidInput
        The ending means no format, or the folder is not there.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "labels.tif"
    >>> output = create_output(place, (1, 2, 3, 4), "uint8", VoxelSize(50, 4, 4, "nm"))
    >>> output.write(Box.of_shape((2, 3, 4)), np.ones((2, 3, 4), np.uint8))
    >>> place.exists()
    False
    >>> _ = output.seal()
    >>> place.exists()
    True
    """
    target = Path(path)
    spec = VolumeSpec(
        shape_czyx, np.dtype(dtype).name, voxel_size, name=(name or target.name)[:120], classes=tuple(classes)
    )
    form = form_of(path)
    resume = resume and can_go_on(path)
    note = {"form": form, **spec_to_json(spec)}
    staged = StagedTarget(target, note, overwrite=overwrite, resume=resume)
    try:
        if form == "slices":
            return SliceOutput(staged, spec)
        if form == "hdf5":
            return Hdf5Output(staged, spec)
        if form == "zarr":
            return ZarrOutput(staged, spec, labels=labels or bool(classes))
        return TiffOutput(staged, spec, ome=form == "ome-tiff")
    except BaseException:
        if staged.resumed:
            staged.close()  # what an earlier attempt wrote is not to blame
        else:
            staged.discard()
        raise


def can_go_on(path: Path | str) -> bool:
    """Tell whether an unfinished output of that name can be taken up again: an HDF5 file is written anew."""
    return form_of(path) != "hdf5"


def form_of(path: Path | str) -> str:
    """Return the format that a name stands for.

    Raises
    ------
    InvalidInput
        Its ending means none.

    Examples
    --------
    >>> [form_of(name) for name in ("a.OME.tif", "a.b.tiff", "a.ome.zarr/", "slices/")]
    ['ome-tiff', 'tiff', 'zarr', 'slices']
    """
    target = Path(path)
    name = target.name.lower()
    form = next((form for ending, form in _ENDINGS.items() if name.endswith(ending)), None)
    # A shell puts a slash behind the name of a Zarr that is there.
    if form != "zarr" and (str(path).endswith(("/", os.sep)) or is_real_folder(target)):
        return "slices"
    if form is None:
        raise InvalidInput(
            f"{target.name} has an ending that means no format; use .tif, .ome.tif, .zarr (OME-Zarr) or .h5 "
            f"(HDF5), or {target.name}/ for a folder of slices."
        )
    return form


class ZarrOutput:
    """An OME-Zarr 0.5 image on its way; the format of the store's volumes, with coarser levels if large."""

    def __init__(self, staged: StagedTarget, spec: VolumeSpec, *, labels: bool) -> None:
        self._staged = staged
        folder = staged.folder / "zarr"
        # A process may have been killed when the blocks had their final name already.
        self.resumed = staged.resumed and (folder / "volume").is_dir()
        folder.mkdir(exist_ok=True)
        (folder / "volume").mkdir(exist_ok=True)
        kind: Pyramid = "labels" if labels else "image"
        self._writer = VolumeWriter(folder, spec, self._publish, resumed=self.resumed, pyramid=kind)
        self.shape_czyx, self.dtype = self._writer.shape_czyx, self._writer.dtype

    @property
    def folder(self) -> Path:
        """The OME-Zarr group that is being written."""
        return self._writer.folder

    def sweep(self) -> None:
        """Remove what is no whole block; see :meth:`VolumeWriter.sweep`."""
        self._writer.sweep()

    @property
    def spec(self) -> VolumeSpec:
        """What is written."""
        return self._writer.spec

    def write(self, box_zyx: Box, voxels: Voxels) -> None:
        """Write a box (c, z, y, x); several threads may write at once."""
        self._writer.write(box_zyx, voxels)

    def sync(self) -> None:
        """Wait until what was written is safe against a power cut."""
        self._writer.sync()

    def seal(self) -> Path:
        """Finish and return the path."""
        self._writer.seal()
        return self._staged.target

    def discard(self) -> None:
        """Throw it away."""
        self._writer.close()
        self._staged.discard()

    def close(self) -> None:
        """Let go of it; it can be taken up again with `resume`."""
        self._writer.close()
        self._staged.close()

    def _publish(self, volume: Path, _digest: str) -> StoredVolume:
        fsync_tree(volume)
        self._staged.finish("zarr/volume")
        return StoredVolume(self._staged.target)
