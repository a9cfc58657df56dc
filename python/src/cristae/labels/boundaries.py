"""From objects to boundaries: what a network learns of objects."""

import numpy as np
import numpy.typing as npt

from cristae.volumes import LabelClass, VoxelSize

BOUNDARY_CLASSES = (LabelClass(1, "interior", 0x2A9D8F), LabelClass(2, "boundary", 0xE9C46A))
"""What a network learns for the target instances."""

FLAT_FROM = 3.0
"""Beyond this ratio of section distance to pixel size, neighbouring sections say nothing about a boundary."""


def is_flat(voxel_size: VoxelSize | None) -> bool:
    """Tell whether sections are so thick that boundaries are drawn in-plane only.

    Examples
    --------
    >>> is_flat(VoxelSize(50.0, 4.6, 4.6)), is_flat(VoxelSize(10.0, 10.0, 10.0)), is_flat(None)
    (True, False, False)
    """
    return voxel_size is not None and voxel_size.z_nm > FLAT_FROM * max(voxel_size.y_nm, voxel_size.x_nm)


def boundary_classes(
    instances: npt.NDArray[np.generic],
    voxel_size: VoxelSize | None,
    known: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.uint8]:
    """Turn objects into the classes background, interior and boundary.

    A voxel is boundary if one of its six neighbours (four, where the step between sections is more than three
    times the pixel size) has another id, background included: boundaries are two voxels thick, one on each
    side, as scikit-image's "thick" ones are.

    Parameters
    ----------
    instances
        Ids (z, y, x); 0 is background.
    voxel_size
        Decides between six and four neighbours; None means isotropic.
    known
        False where nobody knows the id. Unknown voxels make no boundary and get the class 0.

    Returns
    -------
    ndarray of uint8
        (z, y, x): 0 background, 1 interior, 2 boundary. The outermost voxels have no neighbours beyond the
        block: cut them off, or read a margin of one voxel.

    Examples
    --------
    >>> boundary_classes(np.array([[[0, 0, 7, 7, 7, 8, 8]]]), None)
    array([[[0, 2, 2, 1, 2, 2, 1]]], dtype=uint8)
    """
    boundary: npt.NDArray[np.bool_] = np.zeros(instances.shape, bool)
    for axis in range(1 if is_flat(voxel_size) else 0, 3):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        differs = instances[low] != instances[high]
        if known is not None:
            differs &= known[low] & known[high]
        boundary[low] |= differs
        boundary[high] |= differs
    classes: npt.NDArray[np.uint8] = (instances != 0).astype(np.uint8)
    classes[boundary] = 2
    if known is not None:
        classes[~known] = 0
    return classes


WIDEST_GAP = 2
"""Background so narrow between two objects is their boundary: many label images part them by a line of 0."""

REACH = 2
"""So many voxels around a block decide its classes, see :func:`instance_classes`."""


def instance_classes(
    instances: npt.NDArray[np.generic],
    voxel_size: VoxelSize | None,
    known: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.uint8]:
    """Turn objects into what a network learns of them: background, interior and boundary.

    As :func:`boundary_classes`, but a boundary belongs to the object: a voxel of the background is one only
    in a gap of at most two voxels between two objects. So interior and boundary together are the objects, to
    the voxel, and objects that nearly touch are parted all the same.

    Parameters
    ----------
    instances, voxel_size, known
        As for :func:`boundary_classes`.

    Returns
    -------
    ndarray of uint8
        (z, y, x): 0 background, 1 interior, 2 boundary. Read a margin of :data:`REACH` voxels.

    Examples
    --------
    >>> instance_classes(np.array([[[0, 0, 7, 7, 7, 0, 8, 8, 8]]]), None)
    array([[[0, 0, 2, 1, 2, 2, 2, 1, 1]]], dtype=uint8)
    """
    classes = boundary_classes(instances, voxel_size, known)
    outside = instances == 0
    classes[outside & (classes == 2) & ~_in_a_gap(instances, voxel_size, known)] = 0
    return classes


def _in_a_gap(
    instances: npt.NDArray[np.generic], voxel_size: VoxelSize | None, known: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_]:
    """Tell which voxels lie in narrow background between two objects, along any axis."""
    ids = instances if known is None else np.where(known, instances, 0)
    empty = instances == 0 if known is None else (instances == 0) & known
    found: npt.NDArray[np.bool_] = np.zeros(ids.shape, bool)
    for axis in range(1 if is_flat(voxel_size) else 0, 3):
        along, void, gap = (np.moveaxis(array, axis, 0) for array in (ids, empty, found))
        for width in range(1, WIDEST_GAP + 1):
            one, two = along[: -width - 1], along[width + 1 :]
            between = (one != two) & (one != 0) & (two != 0)
            for step in range(1, width + 1):
                between &= void[step : step + len(between)]
            for step in range(1, width + 1):
                gap[step : step + len(between)] |= between
    return found
