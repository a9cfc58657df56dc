"""What can be read box by box: the one face of files, stores and arrays."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.events import Note
from cristae.geometry import Box
from cristae.volumes.spec import DTYPES, VoxelSize, check_shape

type Voxels = NDArray[Any]


class Doubt(str):
    """A note of an image that is a warning: a result may be worse than hoped."""

    __slots__ = ()


class Gap(Doubt):
    """A note that chunks of an image are missing."""

    __slots__ = ()


@runtime_checkable
class Image(Protocol):
    """An image that can be read by boxes, whatever holds it."""

    @property
    def shape_czyx(self) -> tuple[int, int, int, int]:
        """Channels, sections, rows, columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """One of uint8, uint16, uint32, float32, in native byte order."""
        ...

    @property
    def voxel_size(self) -> VoxelSize | None:
        """None if it is not known."""
        ...

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader assumed or changed, a sentence each; show them to the person (:func:`told_of`)."""
        ...

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box of all channels, a fresh array."""
        ...


def told_of(images: Iterable[Image | None]) -> Iterator[Note]:
    """Yield what the readers of some images have to say, each sentence once; a :class:`Doubt` as a warning.

    Of gaps the first one is told, and how many further images have some: label images that other programs
    wrote without their empty chunks have them nearly always.

    Examples
    --------
    >>> image = ArrayImage(np.zeros((3, 4), np.uint8), notes=("Two.", Doubt("Bad.")))
    >>> list(told_of([image, None, image]))
    [Note(sentence='Two.', is_warning=False), Note(sentence='Bad.', is_warning=True)]
    """
    notes = dict.fromkeys(note for image in images if image is not None for note in image.notes)
    gaps = [note for note in notes if isinstance(note, Gap)]
    others = len(gaps) - 1
    for note in notes:
        if note in gaps[1:]:
            continue
        told = str(note)
        if others > 0 and note is gaps[0]:
            count = "1 further image lacks" if others == 1 else f"{others} further images lack"
            told = f"{told} {count} chunks, too."
        yield Note(told, is_warning=isinstance(note, Doubt))


class ArrayImage:
    """An array in memory as an image.

    Parameters
    ----------
    voxels
        2D (y, x), 3D (z, y, x) or 4D (c, z, y, x), of any byte order; booleans count as uint8.
    voxel_size
        None if it is not known.
    name
        For people.

    Examples
    --------
    >>> image = ArrayImage(np.arange(12, dtype=np.uint8).reshape(3, 4))
    >>> image.shape_czyx
    (1, 1, 3, 4)
    >>> image.read(Box((0, 1, 1), (1, 3, 3))).tolist()
    [[[[5, 6], [9, 10]]]]
    """

    def __init__(
        self, voxels: Voxels, voxel_size: VoxelSize | None = None, name: str = "", notes: tuple[str, ...] = ()
    ) -> None:
        if not 2 <= voxels.ndim <= 4:
            raise InvalidInput(f"The array has {voxels.ndim} axes; give (y, x), (z, y, x) or (c, z, y, x).")
        if voxels.dtype == np.bool_:
            voxels = voxels.view(np.uint8)
        if voxels.dtype.name not in DTYPES:
            raise InvalidInput(
                f"The array holds {voxels.dtype.name}; convert it to one of {', '.join(DTYPES)}."
            )
        self._voxels = voxels.reshape((1,) * (4 - voxels.ndim) + voxels.shape)
        self.shape_czyx = check_shape(self._voxels.shape)
        self.dtype: np.dtype[Any] = np.dtype(voxels.dtype.name)
        self.voxel_size = voxel_size
        self.name = name
        self.notes = notes

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        check_box(box_zyx, self.shape_czyx)
        return np.array(self._voxels[(slice(None), *box_zyx.slices)], self.dtype, order="C")


def check_box(box_zyx: Box, shape_czyx: tuple[int, ...]) -> None:
    """Refuse a box (z, y, x) that is not inside the volume; never wrap around or cut silently."""
    ends = zip(box_zyx.start, box_zyx.stop, shape_czyx[1:], strict=False)
    if len(box_zyx.start) != 3 or any(start < 0 or stop > length for start, stop, length in ends):
        raise InvalidInput(f"The box {box_zyx} (z, y, x) is not inside the volume of {shape_czyx[1:]}.")
