"""How far each object is from the nearest object of another label image."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from cristae.errors import OutOfMemory
from cristae.geometry import Box
from cristae.measuring.inputs import Slab, Units, beside, slabs_of
from cristae.measuring.rows import Rows
from cristae.memory import available_bytes
from cristae.volumes import Image

BYTES_A_VOXEL = 100
"""A voxel of a surface takes about so many: as whole numbers, in nanometres, and in the tree."""

type Integers = npt.NDArray[np.int64]


class SurfacePoints:
    """All voxels of a label image that have a face to another id, or to the outside of the volume.

    Parameters
    ----------
    image
        Ids (z, y, x), read once.
    units
        What a voxel measures.
    slab_voxels
        So many are read at a time.
    what
        What the image is called in sentences.

    Raises
    ------
    OutOfMemory
        The surfaces do not fit into the memory of this machine.
    """

    def __init__(self, image: Image, units: Units, slab_voxels: int, what: str) -> None:
        self.axes, self._sides = units.axes, np.array(units.sides)
        places, ids, count = [np.empty((0, 3), np.int32)], [np.empty(0, np.int64)], 0
        for slab in slabs_of(image, slab_voxels, what):
            place, own = surface_voxels(slab, self.axes)
            count += len(own)
            if count * BYTES_A_VOXEL > available_bytes():
                raise OutOfMemory(
                    f"The surfaces of the {what} have more than {count:,} voxels, too many to find the "
                    "nearest ones in the memory of this machine. Cut the volume into parts, or scale it down."
                )
            places.append(place)
            ids.append(own)
        # They are in the order of the voxels, however the volume was cut: so the tree is always the same, and
        # so is the one that it finds of several equally near.
        self._ids, points = np.concatenate(ids), np.concatenate(places)
        del ids, places
        # On a grid, medians of many equal numbers would take long.
        self._tree = KDTree(points * self._sides, balanced_tree=False) if count else None

    def nearest(self, places: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.float64], Integers]:
        """Return the distance of voxels (n, zyx) to the nearest surface voxel, and its id; inf, 0 if none.

        Of equally near voxels it is always the same one, but no particular one.
        """
        if self._tree is None:
            return np.full(len(places), np.inf), np.zeros(len(places), np.int64)
        far, index = self._tree.query(places * self._sides, workers=-1)
        return far, self._ids[index]


class NearestObjects:
    """The nearest object of another image for every object.

    Distances are those of the centres of voxels: objects that touch are one step apart, and 0 is the distance
    of objects that overlap.
    """

    def __init__(self) -> None:
        self.points: SurfacePoints | None = None
        """Those of the other objects; to be set before the first slab."""
        self._far = np.empty(0)
        self._ids = np.empty(0, np.int64)

    def add(self, rows: Rows, slab: Slab, other: npt.NDArray[np.integer]) -> None:
        """Look at a slab; `other` are the ids (z, y, x) of the other image in its core."""
        if self.points is None:
            return
        places, ids = surface_voxels(slab, self.points.axes)
        far, found = self.points.nearest(places)
        self._keep(rows.of_all(ids), far, found)
        both = (slab.ids != 0) & (other != 0)
        own = slab.ids[both].astype(np.int64)
        self._keep(rows.of_all(own), np.zeros(own.size), other[both].astype(np.int64))

    def columns(self, rows: Rows, unit: str) -> dict[str, npt.NDArray[np.number]]:
        """Return the distance and the id of the nearest object, by rising id; masked if there is none."""
        self._reach(rows.ids.size)
        far, found = self._far[rows.order], self._ids[rows.order]
        none = ~np.isfinite(far)
        if not none.any():
            return {f"nearest_other_{unit}": far, "nearest_other_id": found}
        return {
            f"nearest_other_{unit}": np.ma.MaskedArray(np.where(none, 0, far), none),
            "nearest_other_id": np.ma.MaskedArray(found, none),
        }

    def _keep(self, rows: Integers, far: npt.NDArray[np.float64], ids: Integers) -> None:
        """Keep the nearest for each row; of equally near ones that were found the smallest id."""
        if not rows.size:
            return
        order = np.lexsort((ids, far, rows))
        first = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
        rows, far, ids = rows[first], far[first], ids[first]
        self._reach(int(rows.max()) + 1)
        nearer = (far < self._far[rows]) | ((far == self._far[rows]) & (ids < self._ids[rows]))
        self._far[rows[nearer]], self._ids[rows[nearer]] = far[nearer], ids[nearer]

    def _reach(self, count: int) -> None:
        more = max(0, count - self._far.size)
        self._far = np.concatenate([self._far, np.full(more, np.inf)])
        self._ids = np.concatenate([self._ids, np.zeros(more, np.int64)])


def surface_voxels(slab: Slab, axes: str) -> tuple[npt.NDArray[np.int32], Integers]:
    """Return the places (n, zyx) of the surface voxels in the core of a slab, and their ids.

    Parameters
    ----------
    slab
        The slab.
    axes
        Along which neighbours are looked at: "zyx", or "yx" in a single section.
    """
    core = slab.ids
    inside = np.ones(core.shape, bool)
    for axis in map("zyx".index, axes):
        for sign in (-1, 1):
            inside &= core == beside(slab.padded, axis, sign)
    surface = ~inside & (core != 0)
    places = np.argwhere(surface) + slab.core.start
    return places.astype(np.int32), core[surface].astype(np.int64)


class OnlyObject:
    """A label image of which one object is left."""

    def __init__(self, labels: Image, object_id: int) -> None:
        self._labels, self._id = labels, object_id
        self.shape_czyx, self.dtype, self.voxel_size = labels.shape_czyx, labels.dtype, labels.voxel_size
        self.name, self.notes = labels.name, labels.notes

    def read(self, box_zyx: Box) -> npt.NDArray[np.generic]:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        voxels = self._labels.read(box_zyx)
        return np.where(voxels == self._id, voxels, np.zeros(1, voxels.dtype))
