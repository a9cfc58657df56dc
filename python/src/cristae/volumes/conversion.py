"""Number types that Cristae does not store, turned into ones that it does.

==================  ==========================================================================
in the file         as an image
==================  ==========================================================================
bool                uint8
int8, int16         the unsigned type of the same size if no value is negative, else float32
int32               uint32 if no value is negative, else float32 if exact
int64, uint64       uint32 if all values fit, else float32 if exact
float16             float32
float64             float32, and a note says so
complex, text ...   refused
==================  ==========================================================================

"If" needs one pass over the file, section by section.
"""

from typing import Any, Protocol

import numpy as np

from cristae.errors import InvalidInput
from cristae.geometry import Box, grid
from cristae.volumes.image import Image, Voxels
from cristae.volumes.spec import DTYPES

_EXACT_IN_FLOAT32 = 2**24
_SCAN_VOXELS = 16 * 1024 * 1024


class Source(Image, Protocol):
    """A file's voxels as they are: an `Image`, but its number type may be any of NumPy's."""


def as_image(source: Source) -> Image:
    """Return the source as an image of one of our number types, or refuse it with a sentence."""
    dtype = source.dtype
    if dtype.name in DTYPES:
        return source
    if dtype == np.bool_:
        return ConvertedImage(source, "uint8")
    if dtype == np.float16:
        return ConvertedImage(source, "float32")
    if dtype.kind == "f":
        note = f"The file holds {dtype.name}; its values are rounded to float32."
        return ConvertedImage(source, "float32", (note,))
    if dtype.kind not in "iu":
        raise InvalidInput(
            f"{source.name or 'The image'} holds voxels of type {dtype}; save it with one of "
            f"{', '.join(DTYPES)}."
        )
    return _from_integers(source)


class ConvertedImage:
    """A source read through a change of number type that loses nothing, or says so in its notes."""

    def __init__(self, source: Source, dtype: str, notes: tuple[str, ...] = ()) -> None:
        self._source = source
        self.shape_czyx = source.shape_czyx
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.voxel_size = source.voxel_size
        self.name = source.name
        self.notes = source.notes + notes

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        # A float64 beyond float32's range becomes infinity, which the reader of the image counts and shows.
        with np.errstate(over="ignore"):
            return self._source.read(box_zyx).astype(self.dtype)


def _from_integers(source: Source) -> Image:
    lowest, highest = _range(source)
    dtype = source.dtype
    if lowest >= 0 and highest <= np.iinfo(f"uint{min(8 * dtype.itemsize, 32)}").max:
        return ConvertedImage(source, f"uint{min(8 * dtype.itemsize, 32)}")
    if max(-lowest, highest) <= _EXACT_IN_FLOAT32:
        note = f"The file holds {dtype.name} with negative values, read as float32 without loss."
        return ConvertedImage(source, "float32", (note,))
    raise InvalidInput(
        f"{source.name or 'The image'} holds {dtype.name} from {lowest} to {highest}, which neither uint32 "
        "nor float32 holds exactly; renumber the labels or rescale the grey values first."
    )


def _range(source: Source) -> tuple[int, int]:
    """Return the smallest and the largest value, read in pieces of bounded size."""
    c, z, y, x = source.shape_czyx
    rows = max(1, min(y, _SCAN_VOXELS // (c * x)))
    lowest, highest = 0, 0
    for box in grid((z, y, x), (1, rows, x)):
        voxels = source.read(box)
        lowest, highest = min(lowest, int(voxels.min())), max(highest, int(voxels.max()))
    return lowest, highest
