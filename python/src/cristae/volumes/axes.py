"""From the axes of a file to channels, sections, rows, columns."""

from dataclasses import dataclass

from cristae.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """Where a file's planes lie in a volume.

    Parameters
    ----------
    shape_czyx
        Shape of the volume.
    channel_stride, section_stride
        How many planes lie between two channels and two sections.
    notes
        What was assumed.
    """

    shape_czyx: tuple[int, int, int, int]
    channel_stride: int
    section_stride: int
    notes: tuple[str, ...] = ()

    @property
    def page_count(self) -> int:
        """Number of planes."""
        return self.shape_czyx[0] * self.shape_czyx[1]

    def page(self, c: int, z: int) -> int:
        """Return the number of a plane in the file."""
        return c * self.channel_stride + z * self.section_stride


def order_axes(name: str, axes: str, shape: tuple[int, ...]) -> AxisOrder:
    """Return where channels and sections are, or refuse axes that cannot be told.

    Parameters
    ----------
    name
        The image's name, for sentences.
    axes
        One letter per axis: Z, C, T, Y, X, S (samples); any other letter is an axis without a name.
    shape
        Voxels along these axes; the last two that are longer than 1 must be Y and X.

    Examples
    --------
    >>> order_axes("a.tif", "TZCYX", (1, 5, 2, 30, 40)).shape_czyx
    (2, 5, 30, 40)
    >>> order_axes("a.tif", "TYX", (5, 30, 40)).notes
    ('The 5 time points of a.tif are read as sections: it has no z axis.',)
    """
    lengths = dict(zip(axes, shape, strict=True)) if len(set(axes)) == len(axes) else {}
    kept = [
        (axis, int(length)) for axis, length in zip(axes, shape, strict=True) if length > 1 or axis in "YX"
    ]
    if [axis for axis, _ in kept[-2:]] != ["Y", "X"]:
        raise InvalidInput(f"{name} has the axes {axes} {shape}; rows and columns must be the last two.")
    outer = kept[:-2]
    strides = [1] * len(outer)
    for place in range(len(outer) - 2, -1, -1):
        strides[place] = strides[place + 1] * outer[place + 1][1]
    notes: tuple[str, ...] = ()
    channel, section = -1, -1
    unnamed = []
    for place, (axis, _) in enumerate(outer):
        if axis == "C":
            channel = place
        elif axis == "Z":
            section = place
        else:
            unnamed.append(place)
    if unnamed and section < 0:
        section = unnamed.pop()
        if outer[section][0] == "T":
            notes += (
                f"The {outer[section][1]} time points of {name} are read as sections: it has no z axis.",
            )
    if unnamed and channel < 0 and outer[unnamed[-1]][0] != "T":
        channel = unnamed.pop()
        notes += (f"The first axis of {name} ({outer[channel][1]}) is read as channels.",)
    if unnamed:
        stated = ", ".join(f"{axis} = {length}" for axis, length in kept)
        raise InvalidInput(
            f"{name} has the axes {stated}; Cristae reads channels, sections, rows and columns. Save one "
            "time point at a time (in ImageJ: Image > Duplicate... with one frame)."
        )
    return AxisOrder(
        (
            outer[channel][1] if channel >= 0 else 1,
            outer[section][1] if section >= 0 else 1,
            lengths.get("Y", kept[-2][1]),
            lengths.get("X", kept[-1][1]),
        ),
        strides[channel] if channel >= 0 else 0,
        strides[section] if section >= 0 else 0,
        notes,
    )


def plain_axes(
    name: str, axes: str, shape: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[int, int, int, int], tuple[str, ...]]:
    """Return what each axis of an array in a file is, for formats that read any slice of it.

    Parameters
    ----------
    name
        The image's name, for sentences.
    axes
        One letter per axis; C, Z, Y, X in any order, others only with one voxel, T also in place of a
        missing Z.
    shape
        Voxels along these axes.

    Returns
    -------
    place
        "c", "z", "y", "x" per axis, or "" where index 0 is taken.
    shape_czyx
        Shape of the volume.
    notes
        What was assumed.

    Examples
    --------
    >>> plain_axes("a.zarr", "TCZYX", (1, 2, 5, 30, 40))
    (('', 'c', 'z', 'y', 'x'), (2, 5, 30, 40), ())
    """
    shape = tuple(int(length) for length in shape)
    lengths = dict(zip(axes, shape, strict=True))
    notes: tuple[str, ...] = ()
    sections = "Z"
    if lengths.get("Z", 1) == 1 and lengths.get("T", 1) > 1:
        sections = "T"
        notes = (f"The {lengths['T']} time points of {name} are read as sections: it has no z axis.",)
    place = tuple(axis.lower() if axis in "CYX" else "z" if axis == sections else "" for axis in axes)
    left_out = [length for axis, length in zip(place, shape, strict=True) if not axis]
    if (
        len(shape) < 2
        or any(length > 1 for length in left_out)
        or sorted(set(place) - {""}) != sorted(axis for axis in place if axis)
        or not {"y", "x"} <= set(place)
    ):
        raise InvalidInput(
            f"{name} has the axes {axes} {shape}; Cristae reads channels, sections, rows and columns. Save "
            "one time point, in the order (c, z, y, x) or (z, y, x)."
        )
    found = {axis: length for axis, length in zip(place, shape, strict=True) if axis}
    if min(shape) < 1:
        raise InvalidInput(f"{name} has the shape {shape}, which holds nothing.")
    return place, (found.get("c", 1), found.get("z", 1), found["y"], found["x"]), notes
