"""What is doubtful: an empty table, a raw image as labels, other voxel sizes, a table of an earlier run."""

import csv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cristae.measuring.files import files_of
from cristae.measuring.measure import Beside
from cristae.measuring.table import Table
from cristae.volumes import Image

_MANY = 50
"""Objects; of fewer nothing is concluded."""

_FILLED = 0.9
"""So much of the image has an id, where it is doubted: grey values leave no background."""

_SPECKS = 5.0
"""Voxels of an object on average, at most: in 16 bits a grey value occurs a few times."""

_REACH, _MOST, _MANY_OF_THEM = 0.9, 0.8, 0.4
"""In 8 bits a grey value occurs everywhere, but for the rare ones, dark or bright: those that reach over so
much of each axis have so much of the voxels, and are so many of the objects."""


def empty_told(objects: Table, condition: str | None) -> str | None:
    """Say that a table has no row; None if it has one.

    Examples
    --------
    >>> empty_told(Table({"id": np.arange(0)}), "voxels > 9")
    'No object fulfils the condition "voxels > 9": the table is empty.'
    >>> empty_told(Table({"id": np.arange(3)}), None) is None
    True
    """
    if len(objects):
        return None
    of = f' fulfils the condition "{condition}"' if condition else " was found"
    return f"No object{of}: the table is empty."


def no_others_told(objects: Table) -> str | None:
    """Say that there was no other object to be near to; None if there was, or nothing was asked.

    Examples
    --------
    >>> no_others_told(Table({"id": np.arange(2), "nearest_other_id": np.ma.masked_all(2, np.int64)}))
    'The other labels hold no object: there are no distances to one.'
    >>> no_others_told(Table({"id": np.arange(2)})) is None
    True
    """
    if not len(objects) or "nearest_other_id" not in objects.names:
        return None
    found = np.ma.count(objects["nearest_other_id"])
    return None if found else "The other labels hold no object: there are no distances to one."


def raw_image_told(objects: Table, shape_zyx: Sequence[int]) -> str | None:
    """Say that labels look like the grey values of a raw image; None if they do not.

    Parameters
    ----------
    objects
        Of :func:`cristae.measuring.measure`, all of them.
    shape_zyx
        Of the label image.

    Examples
    --------
    >>> ids = np.arange(1, 101)
    >>> side = {f"{end}_{axis}_px": ids * 0 + at for axis in "yx" for end, at in (("low", 0), ("high", 64))}
    >>> raw_image_told(Table({"id": ids, "voxels": ids * 0 + 40} | side), (1, 64, 64))[:71]
    'The label image has 100 objects and no background, and nearly all of it'
    """
    count, voxels = len(objects), int(objects["voxels"].sum())
    if count < _MANY or voxels < _FILLED * np.prod([float(length) for length in shape_zyx]):
        return None
    spans = [
        objects[f"high_{name}_px"] - objects[f"low_{name}_px"] >= _REACH * length
        for name, length in zip("zyx", shape_zyx, strict=True)
        if f"low_{name}_px" in objects.columns
    ]
    reach = np.logical_and.reduce(spans)
    if reach.mean() >= _MANY_OF_THEM and objects["voxels"][reach].sum() >= _MOST * voxels:
        found = "nearly all of it is of objects that reach from side to side"
    elif voxels / count <= _SPECKS:
        found = f"the mean object has {voxels / count:.2g} voxels"
    else:
        return None
    return (
        f"The label image has {count:,} objects and no background, and {found}: so has a raw image. If it is "
        "one, measure the labels instead, and give it as the image whose grey values are measured."
    )


def other_sizes_told(labels: Image, beside: Beside) -> tuple[str, ...]:
    """Say which images beside the labels state another voxel size than the one that counts.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage, VoxelSize
    >>> labels, raw = (ArrayImage(np.ones((1, 2, 2), np.uint8), VoxelSize(50, side, side)) for side in (4, 8))
    >>> other_sizes_told(labels, Beside(raw))
    ('The raw image states voxels of 50 x 8 x 8 nm (z, y, x), and the labels 50 x 4 x 4: the labels count.',)
    """
    size, told = labels.voxel_size, []
    if size is None:
        return ()
    z, y, x = size.zyx_nm
    for name in ("raw", "classes", "other"):
        image: Image | None = getattr(beside, name)
        one = None if image is None else image.voxel_size
        if one is not None and not np.allclose(one.zyx_nm, size.zyx_nm, rtol=1e-3):
            told.append(
                f"The {name} image states voxels of {one.z_nm:g} x {one.y_nm:g} x {one.x_nm:g} nm (z, y, x), "
                f"and the labels {z:g} x {y:g} x {x:g}: the labels count."
            )
    return tuple(told)


def earlier_contacts(path: Path) -> Path | None:
    """Return the table of contacts that lies beside a table of objects that comes without one.

    Only what begins as such a table is one: no other file of that name is meant.
    """
    *_, beside = files_of(path, ["objects", "contacts"])
    if beside == path or not beside.is_file():
        return None
    return beside if _columns(beside)[:2] == ["id", "other_id"] else None


def _columns(path: Path) -> list[str]:
    if path.suffix.lower() == ".csv":
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return next(csv.reader(file), [])
    if find_spec("pyarrow") is None:
        return []
    from pyarrow import ArrowInvalid, parquet

    try:
        return list(parquet.read_schema(path).names)
    except ArrowInvalid:
        return []
