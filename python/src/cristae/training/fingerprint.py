"""What the annotated data are like, in figures: every choice of a plan follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import fastremap
import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels import BOUNDARY_CLASSES, UNKNOWN, LabelReading, as_integers
from cristae.labels.boundaries import is_flat, surface_faces
from cristae.labels.thickness import spread
from cristae.networks import Statistics
from cristae.networks.statistics import gathered_statistics, section_statistics
from cristae.training.regions import Region
from cristae.volumes import Image, VoxelSize
from cristae.volumes.image import Voxels

_INTERIOR = BOUNDARY_CLASSES[0].value
_CENTRE = 512
"""Similarity of sections is measured on the central rows and columns."""


@dataclass(frozen=True)
class Fingerprint:
    """The annotated data in figures.

    Attributes
    ----------
    shapes_zyx
        Of each image.
    channels
        Of every image.
    annotated_sections
        Number in all images together.
    annotated_span
        The longest run from the first to the last annotated section of one image.
    known_voxels
        Annotated voxels.
    class_shares
        Share of the background and of each class or mask 1...n among them.
    thickness_voxels
        Median thickness of the profiles of each class 1...n, in voxels in-plane, where measured.
    stroke_width_voxels
        Width of the narrowest strokes, in voxels in-plane, if the thickness is not known for them; else 0.
    anisotropy
        Distance of sections by distance of columns.
    anisotropy_is_estimated
        True if no voxel size was known.
    statistics
        Grey values of the annotated sections.
    section_jump
        How much the mean grey value jumps from section to section, in standard deviations.
    alike
        Whether the grey values of all images are on one scale.
    names
        Of the classes or masks 1...n; none for instances.
    without_interior
        For instances, share of their voxels that belong to objects which are boundary all through.
    touching
        For instances, share of their surface that touches another object; see
        :func:`cristae.labels.boundaries.surface_faces`.
    drawn_in_sections
        Whether boundaries are drawn within sections only.
    """

    shapes_zyx: tuple[tuple[int, int, int], ...]
    channels: int
    annotated_sections: int
    annotated_span: int
    known_voxels: int
    class_shares: tuple[float, ...]
    thickness_voxels: Mapping[int, float]
    anisotropy: float
    anisotropy_is_estimated: bool
    statistics: Statistics
    section_jump: float
    alike: bool = True
    stroke_width_voxels: float = 0.0
    without_interior: float = 0.0
    names: tuple[str, ...] = ()
    touching: float = 0.0
    drawn_in_sections: bool = False


def take_fingerprint(regions: Sequence[Region], voxel_size: VoxelSize | None) -> Fingerprint:
    """Measure the annotated part of all images, section by section in bounded memory.

    Of images without labels it is only asked whether their grey values are like those of the others.

    Parameters
    ----------
    regions
        The images with their labels.
    voxel_size
        If known. What is said of objects goes by the one that their boundaries are drawn with, which is
        estimated otherwise.
    """
    everything, regions = regions, [region for region in regions if region.reading.is_labelled]
    counts = np.zeros(256, np.int64)
    for region in regions:
        for _, targets in region.slabs():
            counts += np.bincount(targets.ravel(), minlength=256)
    known = int(counts[:UNKNOWN].sum())
    shares = [counts[list(group)].sum() / max(1, known) for group in ((0,), *regions[0].reading.groups)]
    statistics, jump, alike = _grey_values(everything)
    deepest = max(regions, key=lambda region: region.shape_zyx[0])
    estimated = voxel_size is None and deepest.shape_zyx[0] > 1
    if voxel_size is not None:
        anisotropy = voxel_size.z_nm / (voxel_size.y_nm * voxel_size.x_nm) ** 0.5
    else:
        anisotropy = estimate_anisotropy(deepest.image, deepest.reading.annotated_sections)
    objects, drawn_with = regions[0].reading.target == "instances", regions[0].reading.voxel_size
    without_interior, touching = _objects(regions, drawn_with) if objects else (0.0, 0.0)
    return Fingerprint(
        shapes_zyx=tuple(region.shape_zyx for region in regions),
        channels=regions[0].image.shape_czyx[0],
        annotated_sections=sum(len(region.reading.annotated_sections) for region in regions),
        annotated_span=max(region.annotated_box.shape[0] for region in regions),
        known_voxels=known,
        class_shares=tuple(float(share) for share in shares),
        thickness_voxels=_thickness([region.reading for region in regions]),
        anisotropy=float(anisotropy),
        anisotropy_is_estimated=estimated,
        statistics=statistics,
        section_jump=jump,
        alike=alike,
        stroke_width_voxels=min(region.reading.stroke_width_voxels for region in regions),
        names=()
        if regions[0].reading.target == "instances"
        else tuple(entry.name for entry in regions[0].reading.answers),
        without_interior=without_interior,
        touching=touching,
        drawn_in_sections=is_flat(drawn_with),
    )


def _objects(regions: Sequence[Region], voxel_size: VoxelSize | None) -> tuple[float, float]:
    """Return which share of the objects' voxels has no interior, and of their surface touches another one."""
    lost = total = 0.0
    faces = np.zeros(2, np.int64)
    for region in regions:
        found, counts, kept = [], [], []
        last: tuple[NDArray[np.generic], NDArray[np.bool_]] | None = None
        for slab, targets in region.slabs():
            ids, known = as_integers(region.labels.read(slab)[0]), targets != UNKNOWN
            faces += surface_faces(ids, known, voxel_size)
            if last is not None:  # the faces between this slab and the one before
                two = np.concatenate([last[0], ids[:1]]), np.concatenate([last[1], known[:1]])
                faces += surface_faces(*two, voxel_size)
                faces -= surface_faces(*last, voxel_size) + surface_faces(ids[:1], known[:1], voxel_size)
            last = ids[-1:], known[-1:]
            values, count = fastremap.unique(ids[known & (ids != 0)], return_counts=True)
            found.append(values)
            counts.append(count)
            kept.append(fastremap.unique(ids[targets == _INTERIOR]))
        objects, place = np.unique(np.concatenate(found), return_inverse=True)
        sizes = np.bincount(place, weights=np.concatenate(counts), minlength=objects.size)
        total += float(sizes.sum())
        lost += float(sizes[~np.isin(objects, np.concatenate(kept))].sum())
    return lost / max(1.0, total), float(faces[0] / max(1, faces[1]))


def _grey_values(regions: Sequence[Region]) -> tuple[Statistics, float, bool]:
    """Return statistics of annotated sections and their jumps, and whether all images are alike."""
    sections, jumps, of_images = [], [], []
    for number, region in enumerate(regions, 1):
        chosen = spread(region.reading.annotated_sections)
        own = [section_statistics(region.image, z) for z in chosen]
        blocks = [region.image.read(Box((z, 0, 0), (z + 1, *_centre(region.shape_zyx)))) for z in chosen]
        of_images.append(gathered_statistics(blocks))
        if not region.reading.is_labelled:
            continue
        which = "image" if len(regions) == 1 else f"image {region.image.name or number}"
        _refuse_without_grey_values(blocks, which)
        sections += blocks
        means = np.array([s.mean for s in own], dtype=np.float64)
        if len(own) >= 3:
            deviations = np.array([s.std for s in own], dtype=np.float64).mean(axis=0)
            jumps.append(float((means.std(axis=0) / deviations).max()))
    alike = all(one.is_like(other) for one in of_images for other in of_images)
    return gathered_statistics(sections), max(jumps, default=0.0), alike


def _refuse_without_grey_values(sections: Sequence[Voxels], which: str) -> None:
    finite = [section[np.isfinite(section)] for section in sections]
    if not any(values.size for values in finite):
        raise InvalidInput(
            f"The {which} has no finite grey value where it is annotated: all are infinite or no numbers. "
            "Check how it was converted or saved."
        )
    if not any(values.size and values.min() < values.max() for values in finite):
        raise InvalidInput(
            f"The {which} is constant where it is annotated: there is nothing to see. Check that it is the "
            "right image, and that its grey values survived the conversion."
        )


def _centre(shape_zyx: tuple[int, int, int]) -> tuple[int, int]:
    return min(shape_zyx[1], 4 * _CENTRE), min(shape_zyx[2], 4 * _CENTRE)


def _thickness(readings: Sequence[LabelReading]) -> dict[int, float]:
    """Return the median thickness of each class; of several images the smallest, so that none is lost."""
    found: dict[int, float] = {}
    for reading in readings:
        for number, value in reading.thickness_voxels.items():
            if number > 0:
                found[number] = min(value, found.get(number, value))
    return found


def estimate_anisotropy(image: Image, sections: Sequence[int]) -> float:
    """Estimate the distance of sections by that of columns, from how fast the image changes.

    Neighbouring sections are compared, and the in-plane shift is looked for that changes the section as much.
    Between 1 and 32; 1 if there is only one section or nothing to compare.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> from scipy.ndimage import gaussian_filter
    >>> fine = gaussian_filter(np.random.default_rng(0).normal(size=(48, 96, 96)).astype(np.float32), 4)
    >>> round(estimate_anisotropy(ArrayImage(fine), range(48)))
    1
    >>> round(estimate_anisotropy(ArrayImage(fine[::5].copy()), range(10)))
    5
    """
    depth, height, width = image.shape_czyx[1:]
    pairs = [z for z in spread(tuple(sections)) if z + 1 < depth]
    if not pairs or width < 8:
        return 1.0
    top, left = max(0, (height - _CENTRE) // 2), max(0, (width - _CENTRE) // 2)
    along_z, shifts = [], range(min(33, width // 2))
    in_plane: list[list[float]] = [[] for _ in shifts]
    for z in pairs:
        box = Box((z, top, left), (z + 2, min(height, top + _CENTRE), min(width, left + _CENTRE)))
        two = np.nan_to_num(image.read(box)[0].astype(np.float64), posinf=0.0, neginf=0.0)
        along_z.append(_similarity(two[0], two[1]))
        for shift in shifts:
            similar = _similarity(two[0][:, shift:], two[0][:, : two.shape[2] - shift])
            if two.shape[1] > 2 * shift:
                similar = (similar + _similarity(two[0][shift:], two[0][: two.shape[1] - shift])) / 2
            in_plane[shift].append(similar)
    curve, level = np.minimum.accumulate([np.mean(values) for values in in_plane]), float(np.mean(along_z))
    if level >= curve[0]:
        return 1.0
    # The curve falls from 1 at shift 0; between two whole shifts a straight line will do.
    return float(np.clip(np.interp(-level, -curve, np.arange(len(curve))), 1.0, 32.0))


def _similarity(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    spread_of_both = float(one.std() * two.std())
    if spread_of_both == 0:
        return 0.0
    return float(((one - one.mean()) * (two - two.mean())).mean() / spread_of_both)
