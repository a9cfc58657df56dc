"""What label images hold, in sentences for people."""

from typing import TYPE_CHECKING

from cristae.labels.thickness import ObjectStatistics, voxels_told

if TYPE_CHECKING:
    from cristae.labels.reading import LabelReading


def contents_told(reading: "LabelReading", objects: ObjectStatistics | None, unknowns: int) -> list[str]:
    """Say which classes, masks or objects were labelled, how much of them, and how much is unknown.

    Parameters
    ----------
    reading
        Of the label image, without its sentences.
    objects
        Their statistics, for instances.
    unknowns
        Unknown voxels in the annotated sections.
    """
    known = sum(reading.voxel_counts.values())
    sentences = []
    if objects is not None:
        sentences.append(_objects_told(objects))
    else:
        there = [
            (entry, sum(reading.voxel_counts.get(member, 0) for member in members))
            for entry, members in zip(reading.answers, reading.groups, strict=True)
        ]
        shares = [f"{e.value} {e.name!r}, {_percent(count, known)}" for e, count in there if count]
        one, several = ("class", "classes") if reading.masks is None else ("mask", "masks")
        if len(shares) == 1:
            sentences.append(f"One {one}: {shares[0]} of the annotated voxels.")
        elif shares:
            sentences.append(f"{len(shares)} {several}: {'; '.join(shares)} of the annotated voxels.")
        if reading.unknown_value == 0 and 0 not in reading.class_of_value.values() and shares:
            sentences.append(
                "No class is the background: every voxel of a result gets one of the classes. To have one as "
                "background, name it 'background'."
            )
    if unknowns:
        sentences.append(
            f"{_percent(unknowns, known + unknowns)} of the voxels there are unknown and never counted."
        )
    return sentences


def _objects_told(objects: ObjectStatistics) -> str:
    counted = "1 object" if objects.count == 1 else f"{objects.count:,} objects"
    if objects.count == 0:
        return f"{counted}."
    volume = f"{objects.median_volume_voxels:,.0f} voxel{'' if objects.median_volume_voxels == 1 else 's'}"
    size = f", of {volume}" if objects.count == 1 else f", half of them larger than {volume}"
    if not objects.median_thickness_voxels:
        return f"{counted}{size}."
    thick = voxels_told(objects.median_thickness_voxels)
    return f"{counted}{size}; {'its' if objects.count == 1 else 'their'} profiles are about {thick} thick."


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    return f"{share:.1f} %" if share >= 0.1 or part == 0 else f"{share:.2g} %"
