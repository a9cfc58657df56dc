"""Labels whose shape is not the image's: say both shapes and what probably happened."""

from collections.abc import Sequence

from cristae.errors import InvalidInput


def check_same_shape(
    labels_czyx: Sequence[int], image_czyx: Sequence[int], *, labels: str = "labels", image: str = "image"
) -> None:
    """Refuse labels that do not fit the image voxel for voxel.

    Parameters
    ----------
    labels_czyx, image_czyx
        Shapes in the order c, z, y, x. The image may have several channels, the labels must have one.
    labels, image
        What the two are called in the sentence; what ends with an s is plural.

    Raises
    ------
    InvalidInput
        With both shapes and the likely cause.

    Examples
    --------
    >>> check_same_shape((1, 5, 8, 6), (1, 5, 8, 6))
    >>> check_same_shape((1, 4, 8, 6), (1, 5, 8, 6))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: The labels are 4 x 8 x 6 voxels (z, y, x), the image is 5 x 8 x 6: ...
    """
    channels, *labels_zyx = labels_czyx
    image_channels, *image_zyx = image_czyx
    if channels == 1 and labels_zyx == image_zyx:
        return
    if channels != 1 and labels_zyx == image_zyx:
        raise InvalidInput(
            f"The {labels} {_verb(labels, 'have')} {channels} channels, but a label image has one. "
            + (
                "They look like an RGB picture: convert them to an 8-bit label image, where each value is "
                "one class."
                if channels in (3, 4)
                else "Keep the channel with the labels, or merge the masks into one image of class values."
            )
            + " If they are masks that may overlap, one in each channel, choose masks."
        )
    theirs = _spell(labels_czyx)
    axes = "z, y, x" if channels == 1 else "c, z, y, x"
    ours = _spell(image_czyx if channels != 1 else (1, *image_zyx))
    raise InvalidInput(
        f"The {labels} {_verb(labels, 'are')} {theirs} voxels ({axes}), "
        f"the {image} {_verb(image, 'are')} {ours}: "
        f"{_likely_cause(channels, labels_zyx, image_channels, image_zyx, labels, image)}"
    )


def _spell(shape_czyx: Sequence[int]) -> str:
    shown = shape_czyx[1:] if shape_czyx[0] == 1 else shape_czyx
    return " x ".join(str(n) for n in shown)


def _likely_cause(
    channels: int,
    labels_zyx: list[int],
    image_channels: int,
    image_zyx: list[int],
    labels: str,
    image: str,
) -> str:
    (lz, ly, lx), (iz, iy, ix) = labels_zyx, image_zyx
    are, have, look, belong = (_verb(labels, plural) for plural in ("are", "have", "look", "belong"))
    if channels != 1 and lz == 1 and (channels, ly, lx) == (iz, iy, ix):
        return (
            f"the sections of the {labels} were read as channels. Save them as a stack (z), not as channels."
        )
    if channels == image_channels * iz and lz == 1 and channels != 1:
        return f"channels and sections of the {labels} are mixed up. Save them as a stack with one channel."
    if channels != 1:
        return "a label image has one channel, with the size of the image."
    if (lz, lx, ly) == (iz, iy, ix):
        return f"rows and columns look swapped. Transpose the {labels}."
    if sorted(labels_zyx) == sorted(image_zyx):
        return f"the axes look transposed. Bring the {labels} into the order z, y, x."
    if iz == 1 < image_channels and (lz, ly, lx) == (image_channels, iy, ix):
        return (
            f"the sections of the {image} look stored as channels. If so, set them as slices (in ImageJ: "
            f"Image > Properties) and save it again; if they are channels, keep one section of the {labels}."
        )
    if lz == iz * image_channels and (ly, lx) == (iy, ix) and image_channels > 1:
        return f"the {labels} {have} a section per channel. Keep one section per z."
    if (ly, lx) == (iy, ix):
        if lz == 1:
            return (
                f"the {labels} {are} a single section. Put it into a stack of {iz} sections, with zeros in "
                f"those that "
                "are not annotated."
            )
        if lz < iz:
            return f"{_sections(iz - lz)} missing in the {labels}."
        too_many = _sections(lz - iz, are=False)
        return f"the {labels} {have} {too_many} too many, or the {image} {_verb(image, 'lack')} them."
    for factor in (2, 4, 8):
        if all(abs(a * factor - b) < factor for a, b in ((ly, iy), (lx, ix))):
            return f"the {labels} {look} scaled down {factor} times. Scale them up without interpolation."
        if all(abs(a - b * factor) < factor for a, b in ((ly, iy), (lx, ix))):
            return f"the {labels} {look} scaled up {factor} times. Scale them down without interpolation."
    return f"the {labels} {belong} to another image, or one of the two was cropped."


def _sections(count: int, *, are: bool = True) -> str:
    verb = (" is" if count == 1 else " are") if are else ""
    return f"{count} section{'' if count == 1 else 's'}{verb}"


def _verb(name: str, plural: str) -> str:
    """Return a verb in the number of a name: labels have, a raw image has."""
    if name.endswith("s"):
        return plural
    return {"are": "is", "have": "has"}.get(plural, f"{plural}s")
