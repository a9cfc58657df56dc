"""An object that a person knows to be several is cut between points."""

from collections.abc import Iterable, Sequence
from typing import Any

import edt
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import segmentation

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.cleaning.images import Patched
from cristae.labels.cleaning.merging import check_there
from cristae.labels.cleaning.objects import Ids, Objects, OnProgress, check_memory, unheard
from cristae.labels.ids import read_ids
from cristae.labels.scan import LARGEST_ID
from cristae.volumes import Image, VoxelSize

BYTES_A_VOXEL = 64
"""Ids, depth, marks and what the watershed keeps, for a voxel of the object's bounding box."""

type Point = tuple[int, int, int]

# scikit-image has no type hints.
_watershed: Any = segmentation.watershed


def split(
    objects: Objects,
    object_id: int,
    points: Sequence[Point],
    voxel_size: VoxelSize | None,
    box: Box | None = None,
) -> tuple[Objects, str]:
    """Cut one object into as many parts as there are points in it; nothing else changes.

    Only the bounding box of the object is held in memory.

    Parameters
    ----------
    objects
        The objects.
    object_id
        The one to cut.
    points
        A voxel (z, y, x) of each part. The part of the first one keeps the id, the others get new ones after
        the largest id of all.
    voxel_size
        For distances in nanometres; None means cubes.
    box
        The bounding box of the object, if it is known; else the volume is read for it.

    Returns
    -------
    objects, sentence
        The objects, and what was done.

    Raises
    ------
    InvalidInput
        A point does not lie in the object, or there are fewer than two.
    NotFound
        The object is not there.
    OutOfMemory
        Its bounding box is too large.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> whole = Objects.of(ArrayImage(np.full((1, 1, 6), 4, np.uint8)))
    >>> parts, sentence = split(whole, 4, [(0, 0, 0), (0, 0, 5)], None)
    >>> parts.ids.tolist(), parts.voxels.tolist(), sentence
    ([4, 5], [3, 3], 'The object 4 became 2 parts, numbers 4, 5.')
    """
    check_there(objects, object_id)
    largest = int(objects.ids.max())
    if largest + len(points) - 1 > LARGEST_ID:
        raise InvalidInput(
            "There is no number left for the new objects. Number the objects anew from 1, with the program "
            "that wrote them or in Python with skimage.segmentation.relabel_sequential."
        )
    box = box or boxes_of(objects, [object_id])[object_id]
    check_memory(box.shape, BYTES_A_VOXEL, f"Splitting the object {object_id}")
    inside = [tuple(p - s for p, s in zip(point, box.start, strict=True)) for point in points]
    _check_found(objects.image, object_id, points)
    before = read_ids(objects.image, box)
    parts = split_in(before, object_id, inside, voxel_size, largest + 1, origin_zyx=box.start)
    new = [object_id, *range(largest + 1, largest + len(points))]
    counts = np.array([np.count_nonzero(parts == one) for one in new], np.int64)
    voxels = objects.voxels.copy()
    voxels[objects.ids == object_id] = counts[0]
    found = Objects(
        Patched.over(objects.image, box, parts),
        np.append(objects.ids, np.array(new[1:], np.int64)),
        np.append(voxels, counts[1:]),
        slab_voxels=objects.slab_voxels,
        became=objects.became,
    )
    return found, f"The object {object_id} became {len(new)} parts, numbers {', '.join(map(str, new))}."


def split_in(
    ids: Ids,
    object_id: int,
    points: Sequence[tuple[int, ...]],
    voxel_size: VoxelSize | None,
    first_new_id: int,
    *,
    origin_zyx: tuple[int, ...] = (0, 0, 0),
) -> npt.NDArray[np.int64]:
    """Cut an object in a box of ids (z, y, x) that holds all of it.

    A watershed grows the parts from the points, the voxels that lie deepest in the object first, so that they
    meet where it is thin. Depth is the distance to what is not of the object, in nanometres, but counts no
    more than at the shallowest of the points (each of which first climbs to the deepest place nearby): where
    the object is thicker than that everywhere between them, the parts meet half-way. A piece of the object
    that no point lies in keeps the id.

    Parameters
    ----------
    ids
        The box.
    object_id
        The object to cut.
    points
        A voxel (z, y, x) of the box for each part; the first part keeps the id.
    voxel_size
        None means cubes.
    first_new_id
        That of the second part.
    origin_zyx
        Where the box begins, for sentences.

    Returns
    -------
    numpy.ndarray
        (z, y, x), int64.

    Raises
    ------
    InvalidInput
        A point does not lie in the object, two are the same, or there are fewer than two.

    Examples
    --------
    >>> split_in(np.array([[[1, 1, 1, 1, 2]]]), 1, [(0, 0, 0), (0, 0, 3)], None, 3)
    array([[[1, 1, 3, 3, 2]]])
    """
    _check_number(object_id, points)
    _check_inside(ids, object_id, points, origin_zyx)
    mask = np.ascontiguousarray(ids == object_id)
    sides = (1.0, 1.0, 1.0) if voxel_size is None else voxel_size.zyx_nm
    if ids.shape[0] == 1:  # the depth of a section is that within it
        depth = edt.edt(mask[0], anisotropy=sides[1:], black_border=True, parallel=1)[None]
    else:
        depth = edt.edt(mask, anisotropy=sides, black_border=True, parallel=1)
    marks = np.zeros(ids.shape, np.int32)
    paths = [_climb(depth, point) for point in points]
    ends = [path[-1] for path in paths]
    for number, path in enumerate(paths, 1):
        # Points below one summit stay where they are; paths to different ones never meet.
        for place in path if ends.count(path[-1]) == 1 else path[:1]:
            marks[place] = number
    highest = min(float(depth[marks == number].max()) for number in range(1, len(points) + 1))
    parts = np.asarray(_watershed(-np.minimum(depth, np.float32(highest)), marks, mask=mask))
    found = ids.astype(np.int64)
    found[parts > 1] = parts[parts > 1].astype(np.int64) + (first_new_id - 2)
    return found


def _climb(depth: npt.NDArray[np.float32], start: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the way from a voxel to the deepest of its neighbours, again and again, to the end."""
    path = [tuple(int(p) for p in start)]
    while True:
        here = path[-1]
        low = [max(0, p - 1) for p in here]
        around = depth[tuple(slice(a, p + 2) for a, p in zip(low, here, strict=True))]
        index = np.unravel_index(int(around.argmax()), around.shape)
        if around[index] <= depth[here]:
            return path
        path.append(tuple(int(a + i) for a, i in zip(low, index, strict=True)))


def check_points(object_id: int, points: Sequence[tuple[int, ...]], shape_zyx: tuple[int, ...]) -> None:
    """Refuse too few points, the same one twice, and one that is not in an image of this shape."""
    _check_number(object_id, points)
    for point in points:
        if not all(0 <= p < n for p, n in zip(point, shape_zyx, strict=True)):
            shape = " x ".join(map(str, shape_zyx))
            raise InvalidInput(
                f"The point {', '.join(map(str, point))} (z, y, x) is not in the image of {shape} voxels. "
                "Points count from 0."
            )


def _check_number(object_id: int, points: Sequence[tuple[int, ...]]) -> None:
    if len(points) < 2:
        raise InvalidInput(
            f"To split the object {object_id}, give a point (z, y, x) in each part: two at least."
        )
    if len(set(points)) < len(points):
        raise InvalidInput(
            f"Two of the points in the object {object_id} are the same. Give one for each part."
        )


def _check_found(image: Image, object_id: int, points: Sequence[tuple[int, ...]]) -> None:
    """Refuse a point of the image that lies elsewhere, and say where; others are refused in the box."""
    for point in points:
        if all(0 <= p < n for p, n in zip(point, image.shape_czyx[1:], strict=True)):
            found = int(read_ids(image, Box(point, tuple(p + 1 for p in point))).item())
            if found != object_id:
                raise InvalidInput(_elsewhere_told(object_id, point, found))


def _elsewhere_told(object_id: int, point: tuple[int, ...], found: int) -> str:
    told = ", ".join(map(str, point))
    there = f"the object {found}" if found else "background"
    where = f"does not lie in the object {object_id} but in {there}"
    return f"The point {told} (z, y, x) {where}. Points count from 0."


def _check_inside(
    ids: Ids, object_id: int, points: Sequence[tuple[int, ...]], origin_zyx: tuple[int, ...]
) -> None:
    for point in points:
        is_inside = all(0 <= p < n for p, n in zip(point, ids.shape, strict=True))
        if not is_inside or int(ids[point]) != object_id:
            place = tuple(p + o for p, o in zip(point, origin_zyx, strict=True))
            if is_inside:
                raise InvalidInput(_elsewhere_told(object_id, place, int(ids[point])))
            told = ", ".join(map(str, place))
            raise InvalidInput(
                f"The point {told} (z, y, x) does not lie in the object {object_id}. Points count from 0."
            )


def boxes_of(objects: Objects, wanted: Iterable[int], on_progress: OnProgress = unheard) -> dict[int, Box]:
    """Return the bounding boxes of some objects, those that are there, in one pass over the volume.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> boxes_of(Objects.of(ArrayImage(np.array([[[4, 9, 0, 4]]], np.uint8))), [4, 7])
    {4: Box(start=(0, 0, 0), stop=(1, 1, 4))}
    """
    ids = np.intersect1d([one for one in wanted if 0 < one <= LARGEST_ID], objects.ids).astype(np.int64)
    if not ids.size:
        return {}
    low, high = np.tile(objects.shape_zyx, (ids.size, 1)), np.zeros((ids.size, 3), np.int64)
    for slab in objects.slabs(on_progress):
        voxels = read_ids(objects.image, slab).astype(np.int64, copy=False)
        place = np.minimum(np.searchsorted(ids, voxels), ids.size - 1)
        rows = np.where(ids[place] == voxels, place + 1, 0)
        for row, span in enumerate(ndimage.find_objects(rows, ids.size)):
            for axis, part in enumerate(span or ()):
                low[row, axis] = min(low[row, axis], part.start + slab.start[axis])
                high[row, axis] = max(high[row, axis], part.stop + slab.start[axis])
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return {one: Box(tuple(a), tuple(b)) for one, (a, b) in zip(ids.tolist(), ends, strict=True)}
