"""What the fingerprint proposes: dimensions, working voxel size, grey values, sampling; and why."""

import math

from cristae.geometry import Triple
from cristae.labels.thickness import voxels_told
from cristae.training.choices import Choices
from cristae.training.fingerprint import Fingerprint


def dimensions_for(found: Fingerprint) -> tuple[int, int, tuple[str, ...]]:
    """Return the dimensions of the network, its context sections, and why."""
    depth = max(shape[0] for shape in found.shapes_zyx)
    ratio = found.anisotropy
    if depth == 1:
        return 2, 0, ("A single section: the network works in 2D.",)
    said = (
        f"The voxel size is not known; from how fast the image changes, sections lie about {ratio:.1f} "
        "times as far apart as columns"
        if found.anisotropy_is_estimated
        else f"Sections lie {ratio:.1f} times as far apart as columns"
    )
    if ratio > 3:
        return 2, 1, (f"{said}: the network works on sections and sees their neighbours.",)
    if found.annotated_sections < 4 or found.annotated_sections * 8 < found.annotated_span:
        few = "a few sections only are annotated: the network works on sections and sees their neighbours."
        return 2, 1, (f"{said}, but {few}",)
    if min(shape[0] for shape in found.shapes_zyx) < 8:
        return 2, 1, (f"{said}, but there are few: the network works on sections and sees their neighbours.",)
    return 3, 0, (f"{said}: the network works in 3D.",)


def seen_told(ours: Choices, proposed: tuple[int, int, tuple[str, ...]]) -> tuple[str, ...]:
    """Say what the network sees of the sections: why, or that a person chose it."""
    dimensions, context, why = proposed
    if ours.dimensions == dimensions and (dimensions == 3 or ours.context == context):
        return why
    if ours.dimensions == 3:
        return ("The network works in 3D, as you chose.",)
    neighbours = f"{ours.context} neighbour{'' if ours.context == 1 else 's'} on each side"
    seen = neighbours if ours.context else "no neighbours"
    return (f"As you chose, the network works on sections; it sees {seen}.",)


def scaled_told(ours: Choices, downsample: Triple, why: tuple[str, ...]) -> tuple[str, ...]:
    """Say how many voxels the network sees as one: why, or that a person chose it."""
    if ours.downsample_zyx == downsample:
        return why
    if math.prod(ours.downsample_zyx) == 1:
        return ("The network works at full resolution, as you chose.",)
    together = " x ".join(map(str, ours.downsample_zyx))
    return (f"The network sees {together} voxels (z, y, x) as one, as you chose.",)


def normalisation_for(found: Fingerprint, dimensions: int) -> str:
    """Return whose statistics normalise the grey values: those of what differs, else of all together."""
    if dimensions == 2 or found.section_jump > 0.25:
        return "section"
    return "training" if found.alike else "image"


def reduction_for(found: Fingerprint, dimensions: int, target: str) -> tuple[Triple, tuple[str, ...]]:
    """Return the reduction to the working voxel size: only where the thinnest class stays wide enough."""
    if target == "instances":
        return (1, 1, 1), ("The network works at full resolution, because boundaries are thin.",)
    thinnest, told = _thinnest(found)
    smallest = min(min(shape[1:]) for shape in found.shapes_zyx)
    factor = 1
    # Below about 8 voxels across, the shape of an object is lost; a large image is needed to make it worth
    # while.
    if thinnest >= 16 and smallest >= 128:
        factor = 4 if thinnest >= 64 and smallest >= 1024 else 2
    if factor == 1:
        return (1, 1, 1), (f"{told}: full resolution.",)
    depth = min(shape[0] for shape in found.shapes_zyx)
    along_z = factor if dimensions == 3 and found.anisotropy * 1.5 < factor and depth >= 64 else 1
    return (along_z, factor, factor), (
        f"{told}: the network sees {factor} x {factor} voxels as one and answers for each of them.",
    )


def _thinnest(found: Fingerprint) -> tuple[float, str]:
    """Return how thick the thinnest objects are, in voxels, and what is known of it."""
    if found.thickness_voxels:
        number, thinnest = min(found.thickness_voxels.items(), key=lambda measured: measured[1])
        whose = f" of {found.names[number - 1]!r}" if len(found.names) > 1 else ""
        return thinnest, f"The objects{whose} are about {voxels_told(thinnest)} thick"
    unknown, width = "How thick the objects are is not known from such labels", found.stroke_width_voxels
    if width == 0:
        return 0, unknown
    # Who draws a line into an object leaves about as much on both sides of it.
    return 3 * width, (
        f"{unknown}; they are taken for three times as thick as the strokes, which are {voxels_told(width)} "
        "wide"
    )


def rare_share_for(found: Fingerprint) -> float:
    """Return how many patches are drawn around foreground: more if a class is rare."""
    rarest = min((share for share in found.class_shares[1:] if share > 0), default=1.0)
    return 0.5 if rarest < 0.1 else 0.25 if rarest < 0.25 else 0.0
