"""Data sets of HDF5 files as images."""

import json
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cristae.errors import CorruptData, InvalidInput
from cristae.geometry import Box
from cristae.volumes.axes import plain_axes
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.spec import VoxelSize, check_shape
from cristae.volumes.units import voxel_size_in

SUFFIXES = (".h5", ".hdf5", ".hdf", ".n5h5")
_WELL_KNOWN = ("data", "raw", "label", "labels", "exported_data", "volumes/raw", "t00000/s00/0/cells")


def split_key(path: Path) -> tuple[Path, str | None]:
    """Split ``file.h5:dataset`` and ``file.h5/dataset`` into file and data set.

    Examples
    --------
    >>> split_key(Path("cells.h5:volumes/raw"))[1]
    'volumes/raw'
    >>> split_key(Path("cells.h5"))[1] is None
    True
    """
    text = str(path)
    for suffix in SUFFIXES:
        for mark in (":", "/"):
            head, found, key = text.partition(suffix + mark)
            if found and key:
                return Path(head + suffix), key.replace("\\", "/")
    return path, None


class Hdf5Image:
    """One data set of an HDF5 file, with its number type.

    Parameters
    ----------
    path
        The file.
    key
        The data set; by default the only image in the file, or one with a well-known name (data, raw, label,
        ...).

    Raises
    ------
    InvalidInput
        It is no HDF5 file, damaged, or it must be said which data set is meant.
    """

    def __init__(self, path: Path, key: str | None) -> None:
        self.name = path.name
        self._lock = threading.Lock()
        try:
            self._file = h5py.File(path, "r")
        except FileNotFoundError as error:
            raise InvalidInput(f"There is no file {path.name}.") from error
        except OSError as error:
            raise InvalidInput(
                f"{path.name} cannot be read as HDF5 ({str(error)[:200]}). It is something else, damaged, or "
                "was cut off; copy or save it again."
            ) from error
        try:
            self._data, chosen = self._find(key)
            attributes = self._data.attrs
            letters = _letters(attributes, self._data.ndim)
            self._place, shape, notes = plain_axes(self.name, letters, self._data.shape)
            self.notes = chosen + notes
            self.shape_czyx = check_shape(shape)
        except BaseException:
            self._file.close()
            raise
        self.dtype: np.dtype[Any] = np.dtype(self._data.dtype).newbyteorder("=")
        self.voxel_size: VoxelSize | None = _voxel_size(attributes)

    @property
    def key(self) -> str:
        """The data set's name in the file."""
        return str(self._data.name).strip("/")

    def close(self) -> None:
        """Close the file; nothing is read from it any more."""
        self._file.close()

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        check_box(box_zyx, self.shape_czyx)
        wanted = {"c": slice(None), **dict(zip("zyx", box_zyx.slices, strict=True))}
        index = tuple(wanted[axis] if axis else 0 for axis in self._place)
        try:
            with self._lock:
                found = np.asarray(self._data[index])
        except (OSError, ValueError) as error:
            raise CorruptData(
                f"The box {box_zyx} (z, y, x) of {self.name} cannot be read ({str(error)[:200]})."
            ) from error
        order = [axis for axis in self._place if axis]
        moved = found.transpose([order.index(axis) for axis in "czyx" if axis in order])
        return np.array(moved, self.dtype, order="C").reshape(self.shape_czyx[0], *box_zyx.shape)

    def _find(self, key: str | None) -> tuple[h5py.Dataset, tuple[str, ...]]:
        """Return the data set, and what is to be told about choosing it."""
        found: dict[str, h5py.Dataset] = {}

        def look(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "biufc":
                found[name] = node

        self._file.visititems(look)
        listed = ", ".join(f"{name} {data.shape}" for name, data in found.items()) or "none"
        if key is not None:
            if key.strip("/") not in found:
                raise InvalidInput(f"{self.name} has no image {key!r}. It has: {listed}.")
            return found[key.strip("/")], ()
        known = [name for name in _WELL_KNOWN if name in found]
        if len(found) == 1:
            return next(iter(found.values())), ()
        if len(known) == 1:
            other = next(name for name in found if name != known[0])
            return found[known[0]], (
                f"{self.name}: took the dataset {known[0]} of {', '.join(found)}; choose another with "
                f"{self.name}:{other}.",
            )
        if not found:
            raise InvalidInput(f"{self.name} holds no image.")
        raise InvalidInput(f"{self.name} holds several images; add one of them to its name: {listed}.")


def _letters(attributes: Any, count: int) -> str:
    """Return a letter per axis: what ilastik states (``axistags``), else (c, z, y, x) from the end."""
    try:
        tags = [str(axis["key"]).upper() for axis in json.loads(attributes["axistags"])["axes"]]
        if len(tags) == count:
            return "".join(tags)
    except (KeyError, TypeError, ValueError):
        pass
    return "CZYX"[-count:] if count <= 4 else "Q" * (count - 4) + "CZYX"


def _voxel_size(attributes: Any) -> VoxelSize | None:
    lengths = np.asarray(attributes.get("element_size_um", ())).ravel()
    if lengths.size != 3 or lengths.dtype.kind not in "iuf":
        return None
    unit = attributes.get("display_unit", "micron")
    size = voxel_size_in("micron", *(float(length) for length in lengths))
    return None if size is None else VoxelSize(*size.zyx_nm, display_unit=str(unit)[:32])
