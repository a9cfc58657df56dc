"""Kinds of files that Cristae reads, told by names alone: no file is opened and no library for it loaded."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

TIFF = (".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
SLICES = (*TIFF, *PICTURES)
HDF5 = (".h5", ".hdf5", ".hdf", ".n5h5")
MRC = (".mrc", ".rec", ".st", ".map", ".mrcs")
NIFTI = (".nii", ".nii.gz")
ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray")
N5_MARK = "attributes.json"
STORES = (".zarr", ".n5")

_MARKS = dict.fromkeys(HDF5, ":/") | {".n5": ":", ".zarr": ":"}  # folders have paths of their own


def split_key(path: Path) -> tuple[Path, str | None]:
    """Split ``file.h5:dataset``, ``file.h5/dataset`` and ``folder.n5:array`` into the file and what is in it.

    Examples
    --------
    >>> split_key(Path("cells.h5:volumes/raw"))[1]
    'volumes/raw'
    >>> split_key(Path("cells.h5"))[1] is None
    True
    """
    text = str(path)
    for suffix, marks in _MARKS.items():
        for mark in marks:
            head, found, key = text.partition(suffix + mark)
            if found and key:
                return Path(head + suffix), key.replace("\\", "/")
    return path, None


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr group or array."""
    return any((path / mark).is_file() for mark in ZARR_MARKS)


def is_n5(path: Path) -> bool:
    """Tell whether a folder is an N5 container, or a group or an array in one."""
    return (path / N5_MARK).is_file()


def store_around(path: Path) -> Path | None:
    """Return the OME-Zarr or N5 that a file or folder lies in; None if it lies in none.

    Raises
    ------
    OSError
        A folder above it cannot be looked into.
    """
    for folder in path.absolute().parents:
        marks = (*ZARR_MARKS, N5_MARK) if folder.suffix.lower() in STORES else ZARR_MARKS
        if any((folder / mark).is_file() for mark in marks):
            return folder
    return None


def natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts numbers in names by their value.

    Examples
    --------
    >>> sorted(["s10.png", "s9.png", "s1.png"], key=natural)
    ['s1.png', 's9.png', 's10.png']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def numbers_of(names: Sequence[str]) -> list[int]:
    """Return the numbers in which names differ that are alike in all else; [] if they are not numbered so.

    Examples
    --------
    >>> numbers_of(["s9.tif", "s10.tif"]), numbers_of(["a.tif", "b.tif"]), numbers_of(["s1.tif"])
    ([9, 10], [], [])
    """
    parts = [natural(name) for name in names]
    varying = [place for place, values in enumerate(zip(*parts, strict=False)) if len(set(values)) > 1]
    if len({len(one) for one in parts}) > 1 or len(varying) != 1:
        return []
    numbers = [one[varying[0]][1] for one in parts]
    whole = [number for number in numbers if isinstance(number, int)]
    return whole if len(whole) == len(numbers) else []


def gaps_told(folder: str, names: Sequence[str]) -> tuple[str, ...]:
    """Say where a slice seems to be missing: names that are numbered evenly but for a gap.

    Examples
    --------
    >>> gaps_told("stack", ["s1.tif", "s2.tif", "s4.tif", "s5.tif"])[0][:66]
    'In the folder stack a slice seems to be missing between s2.tif and'
    >>> gaps_told("stack", ["s10.tif", "s20.tif", "s30.tif"]), gaps_told("stack", ["a.tif", "b.tif"])
    ((), ())
    >>> gaps_told("stack", ["at 1203.tif", "at 1217.tif", "at 1220.tif"])
    ()
    """
    steps = [b - a for a, b in pairwise(numbers_of(names))]
    gaps = [place for place, step in enumerate(steps) if step > min(steps)]
    if not gaps or len(gaps) * 3 > len(steps):  # numbers such as times are not even at all
        return ()
    more = f" (and at {len(gaps) - 1} more places)" if len(gaps) > 1 else ""
    return (
        f"In the folder {folder} a slice seems to be missing between {names[gaps[0]]} and "
        f"{names[gaps[0] + 1]}{more}: the slices are taken as if they lay side by side.",
    )
