"""A folder of slices, one file each, as an image; and single PNG, JPEG and BMP pictures."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.import_tiff import TiffImage, refuse_colours
from cristae.volumes.kinds import PICTURES, SLICES, gaps_told, natural
from cristae.volumes.spec import VoxelSize, check_shape

_KEPT_SLICES = 24
_KEPT_BYTES = 256 * 1024 * 1024


class SeveralPlanes(InvalidInput):
    """The files of a folder are stacks of their own, no slices."""


class SliceFolder:
    """All pictures of a folder, in natural order, as the sections of one image.

    Parameters
    ----------
    path
        The folder.  Hidden files and files of other kinds are left out, and the notes say so.

    Raises
    ------
    InvalidInput
        There are no pictures, or, found here or when a section is read, they differ in shape or number type.
    """

    voxel_size: VoxelSize | None

    def __init__(self, path: Path) -> None:
        self.name = path.name
        entries = [entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")]
        self._slices = sorted(
            (entry for entry in entries if entry.suffix.lower() in SLICES),
            key=lambda entry: natural(entry.name),
        )
        if not self._slices:
            raise InvalidInput(
                f"The folder {path.name} holds neither a Zarr image nor slices (.tif, .png, .jpg, .bmp)."
            )
        first = _Slice(self._slices[0])
        self.voxel_size = first.voxel_size
        self.dtype: np.dtype[Any] = first.dtype
        self.shape_czyx = check_shape((1, len(self._slices), *first.shape_yx))
        left_out = len(entries) - len(self._slices)
        others = (f"{left_out} files of other kinds in {path.name} were left out.",) if left_out else ()
        self.notes: tuple[str, ...] = (*others, *gaps_told(path.name, [one.name for one in self._slices]))
        self._recent: OrderedDict[int, Voxels] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        check_box(box_zyx, self.shape_czyx)
        voxels = np.empty((1, *box_zyx.shape), self.dtype)
        for z in range(box_zyx.start[0], box_zyx.stop[0]):
            voxels[0, z - box_zyx.start[0]] = self._plane(z)[box_zyx.slices[1:]]
        return voxels

    def _plane(self, z: int) -> Voxels:
        with self._lock:
            if z in self._recent:
                self._recent.move_to_end(z)
                return self._recent[z]
            found = _Slice(self._slices[z])
            if found.shape_yx != self.shape_czyx[2:] or found.dtype != self.dtype:
                raise InvalidInput(
                    f"{self._slices[z].name} is {found.shape_yx} {found.dtype}, but the first slice "
                    f"{self._slices[0].name} is {self.shape_czyx[2:]} {self.dtype}; all slices must be alike."
                )
            plane = found.plane()
            self._recent[z] = plane
            kept = max(1, min(_KEPT_SLICES, _KEPT_BYTES // plane.nbytes))
            while len(self._recent) > kept:
                self._recent.popitem(last=False)
            return plane


class _Slice:
    """One file of a folder."""

    def __init__(self, path: Path) -> None:
        self.voxel_size: VoxelSize | None = None
        self._tiff: TiffImage | None = None
        self._plane: Voxels | None = None
        if path.suffix.lower() in PICTURES:
            self._plane = read_picture(path)
            y, x = self._plane.shape
            self.dtype = self._plane.dtype
        else:
            self._tiff = TiffImage(path)
            c, z, y, x = self._tiff.shape_czyx
            if c * z != 1:
                raise SeveralPlanes(f"{path.name} holds {c * z} planes; a folder of slices needs one a file.")
            self.dtype = self._tiff.dtype
            self.voxel_size = self._tiff.voxel_size
        self.shape_yx = (y, x)

    def plane(self) -> Voxels:
        if self._plane is not None:
            return self._plane
        assert self._tiff is not None  # noqa: S101 - one of the two is there
        plane: Voxels = self._tiff.read(Box.of_shape((1, *self.shape_yx)))[0, 0]
        return plane


def read_picture(path: Path) -> Voxels:
    """Return a PNG, JPEG or BMP picture (y, x); colours are refused, three equal channels count as grey."""
    from skimage.io import imread  # not above: a folder of TIFF slices needs none of it

    try:
        picture: Voxels = np.asarray(imread(path))
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path.name}.") from error
    except MemoryError:
        raise
    except Exception as error:  # The decoders of broken files raise anything.
        raise InvalidInput(
            f"{path.name} cannot be read ({str(error)[:200]}). It is something else, damaged, or was cut off."
        ) from error
    if picture.ndim == 3:
        colours = picture[..., :3]
        if picture.shape[2] >= 3 and not np.array_equal(colours.min(axis=2), colours.max(axis=2)):
            refuse_colours(path.name, "YXS", picture.shape)
        picture = np.ascontiguousarray(picture[..., 0])
    if picture.ndim != 2:
        raise InvalidInput(f"{path.name} has the shape {picture.shape}; one plane of grey values is needed.")
    return picture
