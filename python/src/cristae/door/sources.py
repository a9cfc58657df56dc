"""Paths and arrays as images."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cristae.door.arguments import LABEL_CLASS, NAME, WHOLE, check_arguments
from cristae.errors import InvalidInput
from cristae.events import Event, Note
from cristae.geometry import Box
from cristae.labels import about_image, check_same_shape, voted
from cristae.volumes import Image, LabelClass, VoxelSize, open_image, told_of
from cristae.volumes.channels import ImagesAsChannels
from cristae.volumes.conversion import as_image as converted
from cristae.volumes.kinds import HDF5, SLICES, is_zarr, natural, split_key
from cristae.volumes.opening import open_source

type Classes = Iterable[LabelClass | str] | Mapping[int, str]


def class_table(classes: Classes) -> tuple[LabelClass, ...]:
    """Return a class table, also from names by value, or from the names of the values 1, 2, ...

    Examples
    --------
    >>> [(entry.value, entry.name) for entry in class_table({100: "er", 200: "vesicles"})]
    [(100, 'er'), (200, 'vesicles')]
    >>> class_table(["er", "vesicles"])[1].value
    2
    """
    if isinstance(classes, str):
        raise InvalidInput(
            f"The classes are the text {classes!r}; give a list of names, such as [{classes!r}]."
        )
    if isinstance(classes, Mapping):
        for value, name in classes.items():
            check_arguments(**{"classes, a value": (value, WHOLE), "classes, a name": (name, NAME)})
        return tuple(LabelClass(int(value), name) for value, name in classes.items())
    entries = list(classes)
    for entry in entries:
        check_arguments(**{"classes, an entry": (entry, NAME | LABEL_CLASS)})
    return tuple(
        LabelClass(number, entry) if isinstance(entry, str) else entry
        for number, entry in enumerate(entries, 1)
    )


def voxel_size(zyx_nm: tuple[float, float, float]) -> VoxelSize:
    """Return a voxel size of three numbers, refusing more or fewer."""
    if len(zyx_nm) != 3:
        raise InvalidInput(f"A voxel size has three sides in nanometres (z, y, x), not {len(zyx_nm)}.")
    return VoxelSize(*zyx_nm)


def as_image(
    source: Any, voxel_size_nm: tuple[float, float, float] | None = None, *, find_gaps: bool = True
) -> Image:
    """Return a path, an array or an image as an image.

    Parameters
    ----------
    source
        A path (``file.h5:key`` names a data set), a NumPy array, anything with ``shape``, ``dtype`` and
        slices such as a Zarr array (it stays on disk), or an image.
    voxel_size_nm
        (z, y, x) in nanometres, instead of what the source says.
    find_gaps
        Note which chunks of a store are missing, which takes time.

    Raises
    ------
    InvalidInput
        The source is nothing of these, or cannot be read.

    Examples
    --------
    >>> as_image(np.zeros((4, 5), np.int64), (50, 4, 4)).voxel_size.zyx_nm
    (50.0, 4.0, 4.0)
    """
    if isinstance(source, str | Path):
        image = open_image(source if isinstance(source, Path) else Path(source), find_gaps=find_gaps)
    elif isinstance(source, Image):
        image = source
    elif all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        image = converted(ArraySource(source))
    else:
        raise InvalidInput(f"{type(source).__name__} is not an image. Give a path, or a NumPy or Zarr array.")
    return image if voxel_size_nm is None else Recalibrated(image, voxel_size_nm)


def as_mask_of(
    source: Any, voxel_size_nm: tuple[float, float, float] | None, *, find_gaps: bool = True
) -> Image:
    """Return where an image is to be predicted, as an image.

    Parameters
    ----------
    source, find_gaps
        As for :func:`as_image`.
    voxel_size_nm
        What was given instead of what the image says. Then nothing is known of the size of the mask's voxels
        either: it comes from the same program.
    """
    mask = as_image(source, find_gaps=find_gaps)
    return mask if voxel_size_nm is None else Recalibrated(mask, None)


def as_exact_labels(source: Any, voxel_size_nm: tuple[float, float, float] | None = None) -> Image:
    """Return labels as an image of the number type that they have, so that ids of 64 bits stay what they are.

    Parameters
    ----------
    source, voxel_size_nm
        As for :func:`as_image`.

    Raises
    ------
    InvalidInput
        It is nothing of these, or cannot be read.

    Examples
    --------
    >>> as_exact_labels(np.full((4, 5), 2**40)).dtype
    dtype('int64')
    """
    if isinstance(source, str | Path):
        image: Image = open_source(*split_key(Path(source)))
    elif isinstance(source, Image) or not all(
        hasattr(source, name) for name in ("shape", "dtype", "__getitem__")
    ):
        image = as_image(source)
    else:
        image = ArraySource(source)
    return image if voxel_size_nm is None else Recalibrated(image, voxel_size_nm)


def as_masks(source: Any) -> tuple[Image, tuple[LabelClass, ...]]:
    """Return masks as an image with a channel for each, and their names if files tell them.

    Parameters
    ----------
    source
        As for :func:`as_image`, with a channel for each mask; or a folder that holds a label image for each
        mask, whose name is that of the mask.

    Raises
    ------
    InvalidInput
        It cannot be read, or the label images differ in shape.
    """
    folder = _folder_of_files(source)
    if folder is None:
        return as_image(source), ()
    entries = sorted(
        (entry for entry in folder.iterdir() if not entry.name.startswith(".")),
        key=lambda entry: natural(entry.name),
    )
    if not entries:
        raise InvalidInput(f"The folder {folder.name} is empty. Give it a label image for each mask.")
    images = ImagesAsChannels([open_image(entry) for entry in entries], folder.name)
    return images, tuple(LabelClass(n, entry.name.split(".")[0]) for n, entry in enumerate(entries, 1))


def as_label_image(source: Any, read: Callable[[Any], Image] = as_image) -> Image:
    """Return what `read` does; of a folder that cannot be read so it says what that may be.

    Raises
    ------
    InvalidInput
        The source cannot be read.
    """
    try:
        return read(source)
    except InvalidInput as refused:
        if _folder_of_files(source) is None:
            raise
        raise InvalidInput(f"{refused.sentence} {_IF_MASKS}") from refused


_IF_MASKS = (
    "If each file is one mask, choose the target masks (--target masks); if each is one object, make one "
    "label image of them, with a number for each object, and choose the target instances."
)


def _folder_of_files(source: Any) -> Path | None:
    """Return the path of a folder that is no Zarr."""
    folder = Path(source) if isinstance(source, str | Path) else None
    if folder is None or not folder.is_dir() or is_zarr(folder) or folder.suffix.lower() == ".zarr":
        return None
    return folder


def _tell_of_masks(image: Image, labels: Image, source: Any, on_event: Callable[[Event], None]) -> None:
    """Say what a folder read as sections may be, if they do not fit or their names have no numbers."""
    folder = _folder_of_files(source[0] if isinstance(source, list | tuple) else source)
    if folder is None:
        return
    try:
        check_same_shape(labels.shape_czyx, image.shape_czyx)
    except InvalidInput as refused:
        raise InvalidInput(f"{refused.sentence} {_IF_MASKS}") from refused
    names = sorted(entry.stem for entry in folder.iterdir() if entry.suffix.lower() in SLICES)
    if len(names) > 1 and not any(character.isdecimal() for name in names for character in name):
        on_event(
            Note(
                f"The files of {folder.name} are read as sections, in the order of their names: "
                f"{', '.join(names[:4])}{' ...' if len(names) > 4 else ''}. {_IF_MASKS}",
                is_warning=True,
            )
        )


def as_labels(
    source: Any,
    target: Literal["classes", "masks", "instances"],
    unknown: int | None,
    empty_sections: Literal["unknown", "background"],
) -> tuple[Image, tuple[LabelClass, ...]]:
    """Return labels as an image, and the names of masks if files tell them.

    Parameters
    ----------
    source
        As for :func:`as_image`, for masks as for :func:`as_masks`; or a list of these, of several annotators.
    target
        "classes", "masks" or "instances".
    unknown, empty_sections
        The value of unknown voxels, and what sections without labels are.

    Raises
    ------
    InvalidInput
        It cannot be read, several annotators numbered objects, which nobody can compare, or the labels of one
        are given twice.
    """
    annotators = source if isinstance(source, list | tuple) else [source]
    read = [as_masks(one) if target == "masks" else (as_label_image(one), ()) for one in annotators]
    images = [image for image, _ in read]
    names = [image.name for image in images]
    _refuse_two_votes(annotators, names)
    labels = voted(images, target=target, unknown=unknown, empty_sections=empty_sections, names=names)
    return labels, read[0][1]


def opened_pairs(
    pairs: Sequence[tuple[Any, Any]],
    target: Literal["classes", "masks", "instances"],
    unknown: int | None,
    empty_sections: Literal["unknown", "background"],
    on_event: Callable[[Event], None],
) -> tuple[list[tuple[Image, Image]], tuple[LabelClass, ...]]:
    """Return images with their labels to train on, and the names of masks if files tell them.

    Parameters
    ----------
    pairs
        As for :func:`as_image` and :func:`as_labels`.
    target, unknown, empty_sections
        As for :func:`as_labels`.
    on_event
        Told what is to be known about the files.

    Raises
    ------
    InvalidInput
        Something cannot be read, or an image is given as its own labels.
    """
    read = []
    for number, (source, truth) in enumerate(pairs, 1):
        image = as_image(source)
        with about_image(number, len(pairs), image.name):
            labels, named = as_labels(truth, target, unknown, empty_sections)
            refuse_same(source, truth)
            if target != "masks":
                _tell_of_masks(image, labels, truth, on_event)
        read.append((image, labels, named))
    opened = [(image, truth) for image, truth, _ in read]
    for note in told_of(image for pair in opened for image in pair):
        on_event(note)
    return opened, read[0][2]


def refuse_same(raw: Any, labels: Any) -> None:
    """Refuse an image that is given as its own labels, or as those of one of several annotators.

    Parameters
    ----------
    raw, labels
        As for :func:`as_image`, both readable.

    Raises
    ------
    InvalidInput
        Both are one file, one data set of a file, or one array.
    """
    if isinstance(labels, list | tuple):
        for one in labels:
            refuse_same(raw, one)
        return
    if not _are_one(raw, labels):
        return
    if not isinstance(raw, str | Path):
        raise InvalidInput("The image and its labels are the same array. Give the labels of the image.")
    file, key = split_key(Path(raw))
    if file.suffix.lower() not in HDF5:
        raise InvalidInput(
            f"{file.name} is given as the image and as its labels. Give the file with the labels."
        )
    raise InvalidInput(
        f"The dataset {_dataset(file, key)} of {file.name} is the image and its labels. Name the dataset "
        f"with the labels behind a colon: {file.name}:NAME."
    )


def _refuse_two_votes(annotators: Sequence[Any], names: Sequence[str]) -> None:
    """Refuse labels that are given twice: one person would have two votes."""
    for later, name in enumerate(names):
        earlier = next((n for n in range(later) if _are_one(annotators[n], annotators[later])), None)
        if earlier is not None:
            raise InvalidInput(
                f"The labels of annotators {earlier + 1} and {later + 1} are the same"
                f"{f', {name}' if name else ''}, which would give one person two votes. Give the labels of "
                "each person once."
            )


def _are_one(source: Any, other: Any) -> bool:
    """Tell whether two sources are one file, one dataset of a file, or one array."""
    if not (isinstance(source, str | Path) and isinstance(other, str | Path)):
        return source is other
    (file, key), (other_file, other_key) = split_key(Path(source)), split_key(Path(other))
    if not file.samefile(other_file):
        return False
    if file.suffix.lower() in HDF5:
        return _dataset(file, key) == _dataset(file, other_key)
    return key == other_key


def _dataset(file: Path, key: str | None) -> str:
    from cristae.volumes.import_hdf5 import Hdf5Image

    image = Hdf5Image(file, key)
    try:
        return image.key
    finally:
        image.close()


class ArraySource:
    """An array of any number type in memory or on disk; only the slices that are asked for are loaded."""

    def __init__(self, array: Any) -> None:
        shape = tuple(int(length) for length in array.shape)
        if not 2 <= len(shape) <= 4:
            raise InvalidInput(f"The array has {len(shape)} axes; give (y, x), (z, y, x) or (c, z, y, x).")
        if 0 in shape:
            raise InvalidInput(f"The array of shape {shape} holds nothing.")
        self._array = array
        self._missing = 4 - len(shape)
        c, z, y, x = (1,) * self._missing + shape
        self.shape_czyx = (c, z, y, x)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("=")
        self.voxel_size: VoxelSize | None = None
        self.name = str(getattr(array, "name", "") or "")
        self.notes: tuple[str, ...] = ()

    def read(self, box_zyx: Box) -> NDArray[Any]:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        index = (slice(None), *box_zyx.slices)[self._missing :]
        voxels = np.asarray(self._array[index])
        return np.array(voxels, self.dtype).reshape(self.shape_czyx[0], *box_zyx.shape)


class Recalibrated:
    """An image with another voxel size, or with none."""

    def __init__(self, image: Image, voxel_size_nm: tuple[float, float, float] | None) -> None:
        self._image = image
        self.shape_czyx = image.shape_czyx
        self.dtype = image.dtype
        self.voxel_size: VoxelSize | None = None if voxel_size_nm is None else voxel_size(voxel_size_nm)
        self.name = image.name
        self.notes = image.notes

    def read(self, box_zyx: Box) -> NDArray[Any]:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        return self._image.read(box_zyx)
