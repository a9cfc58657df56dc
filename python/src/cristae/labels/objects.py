"""From objects to boundaries, and back."""

import warnings
from typing import Any

import cc3d
import edt
import fastremap
import numpy as np
import numpy.typing as npt
from skimage import morphology, segmentation

from cristae.volumes import LabelClass, VoxelSize

BOUNDARY_CLASSES = (LabelClass(1, "interior", 0x2A9D8F), LabelClass(2, "boundary", 0xE9C46A))
"""What a network learns for the target instances."""

# scikit-image has no type hints.
local_maxima: Any = morphology.local_maxima
reconstruction: Any = morphology.reconstruction
watershed: Any = segmentation.watershed

FLAT_FROM = 3.0
"""Beyond this ratio of section distance to pixel size, neighbouring sections say nothing about a boundary."""


HILL_VOXELS = 2.0
"""Lower hills split neurites at every varicosity, higher ones merge neighbours (measured on gala's truth)."""


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


def objects_from(
    foreground_prob: npt.NDArray[np.floating],
    boundary_prob: npt.NDArray[np.floating],
    voxel_size: VoxelSize | None,
) -> npt.NDArray[np.uint32]:
    """Turn probabilities into objects: a watershed on the distance to the boundary.

    Objects cover the voxels that are more likely object or boundary than background. Seeds are the hills of
    the distance to the nearest voxel that is not interior; hills less than one voxel above their saddle are
    one.

    Parameters
    ----------
    foreground_prob
        Probability of the interior of an object (z, y, x), 0 to 1.
    boundary_prob
        Probability of a boundary (z, y, x), 0 to 1.
    voxel_size
        For distances in nanometres; None means isotropic.

    Returns
    -------
    ndarray of uint32
        Ids 1...N without a gap (z, y, x), 0 background. The same input gives the same ids.

    Examples
    --------
    >>> inside = np.array([[[1, 1, 1, 0, 0, 1, 1, 1]]], np.float32)
    >>> objects_from(inside, 1 - inside, None)
    array([[[1, 1, 1, 1, 2, 2, 2, 2]]], dtype=uint32)
    """
    interior = np.asarray(foreground_prob > np.maximum(boundary_prob, 0.5))
    mask = np.asarray(foreground_prob + boundary_prob > 0.5)
    if not interior.any():
        return np.zeros(interior.shape, np.uint32)
    sampling = (1.0, 1.0, 1.0)
    if voxel_size is not None:
        unit = min(voxel_size.y_nm, voxel_size.x_nm)
        sampling = (voxel_size.z_nm / unit, voxel_size.y_nm / unit, voxel_size.x_nm / unit)
    distance = edt.edt(np.ascontiguousarray(interior), anisotropy=sampling, black_border=False, parallel=1)
    # Where there is no background at all the distance is infinite: any finite plateau will do.
    distance = np.minimum(
        distance, np.float32(sum(n * s for n, s in zip(interior.shape, sampling, strict=True)))
    )
    with warnings.catch_warnings():
        # scikit-image 0.26 sets the shape of an array, which NumPy 2.5 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        hills = reconstruction(
            np.maximum(distance - np.float32(HILL_VOXELS), 0), distance, footprint=np.ones((3, 3, 3))
        )
    # The moat makes a top also of what is flat: small objects, and a block that is one object.
    moated = np.pad(np.where(interior, hills, -1), 1, constant_values=-1)
    tops = local_maxima(moated, connectivity=3)[1:-1, 1:-1, 1:-1]
    seeds = cc3d.connected_components(tops, connectivity=26)
    objects = watershed(boundary_prob - distance, seeds, mask=mask)
    return np.asarray(fastremap.renumber(objects, preserve_zero=True)[0], dtype=np.uint32)
