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
    for low, high in _neighbours(voxel_size):
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


def sum_beside(values: npt.NDArray[np.floating], voxel_size: VoxelSize | None) -> npt.NDArray[np.float32]:
    """Return for each voxel the sum over its neighbours, the six or four that make boundaries.

    Parameters
    ----------
    values
        (z, y, x).
    voxel_size
        Decides between six and four neighbours; None means isotropic.

    Examples
    --------
    >>> sum_beside(np.array([[[1.0, 2.0, 4.0]]]), None)
    array([[[2., 5., 2.]]], dtype=float32)
    """
    sums: npt.NDArray[np.float32] = np.zeros(values.shape, np.float32)
    for low, high in _neighbours(voxel_size):
        sums[low] += values[high]
        sums[high] += values[low]
    return sums


def touching(there: npt.NDArray[np.bool_], voxel_size: VoxelSize | None) -> npt.NDArray[np.bool_]:
    """Tell which voxels have a neighbour in a mask (z, y, x), as for :func:`sum_beside`.

    Examples
    --------
    >>> touching(np.array([[[True, False, False]]]), None)
    array([[[False,  True, False]]])
    """
    found: npt.NDArray[np.bool_] = np.zeros(there.shape, bool)
    for low, high in _neighbours(voxel_size):
        found[low] |= there[high]
        found[high] |= there[low]
    return found


def surface_faces(
    ids: npt.NDArray[np.generic], known: npt.NDArray[np.bool_], voxel_size: VoxelSize | None
) -> npt.NDArray[np.int64]:
    """Count the faces of voxels on the surface of objects: those to another object, and all.

    A face between two objects lies on the surface of both and counts twice. Only faces count across which a
    boundary would be drawn, none at an unknown voxel.

    Parameters
    ----------
    ids, known
        (z, y, x), and False where nobody knows the id; 0 is background.
    voxel_size
        Decides between six and four neighbours; None means isotropic.

    Returns
    -------
    ndarray of int64
        (2,): faces to another object, and all.

    Examples
    --------
    >>> surface_faces(np.array([[[1, 1, 2, 0]]]), np.ones((1, 1, 4), bool), None).tolist()
    [2, 3]
    """
    faces = np.zeros(2, np.int64)
    for low, high in _neighbours(voxel_size):
        differs = (ids[low] != ids[high]) & known[low] & known[high]
        both = int(np.count_nonzero(differs & (ids[low] != 0) & (ids[high] != 0)))
        faces += 2 * both, int(np.count_nonzero(differs)) + both
    return faces


def _neighbours(voxel_size: VoxelSize | None) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Return for each axis that counts where voxels and their next ones lie."""
    axes = range(1 if is_flat(voxel_size) else 0, 3)
    every = slice(None)
    return [((every,) * a + (slice(None, -1),), (every,) * a + (slice(1, None),)) for a in axes]
