"""From sums to size, place and form of each object, in physical units."""

import numpy as np
import numpy.typing as npt

from cristae.measuring.inputs import Units
from cristae.measuring.sums import PAIRS, Shapes
from cristae.measuring.table import defined

_NO_DIRECTION = 1e-9
"""Two axes whose squares differ by no more than this part are equally long, and have no direction."""

type Columns = dict[str, npt.NDArray[np.number]]
type Floats = npt.NDArray[np.float64]


def shape_columns(
    ids: npt.NDArray[np.int64], shapes: Shapes, units: Units, shape_zyx: tuple[int, ...], surface_unit: float
) -> Columns:
    """Return the columns of the table that the labels alone tell; docs/objects.md defines each.

    Parameters
    ----------
    ids
        Of the objects, in rising order.
    shapes
        Their sums.
    units
        What a voxel measures.
    shape_zyx
        Of the volume.
    surface_unit
        What an exposure of 1 is worth: see :func:`cristae.measuring.surface.weights`.
    """
    unit = units.unit
    of_axes = [("zyx".index(letter), letter) for letter in units.axes]
    sides = units.own_sides
    content = shapes.voxels * float(np.prod(sides))
    rim = shapes.exposure * surface_unit
    columns: Columns = {"id": ids, "voxels": shapes.voxels}
    if units.is_flat:
        columns |= {f"area_{unit}2": content, f"perimeter_{unit}": rim}
        columns["circularity"] = 4 * np.pi * content / rim**2
    else:
        columns |= {f"volume_{unit}3": content, f"surface_{unit}2": rim}
        columns["sphericity"] = np.cbrt(np.pi) * np.cbrt(6 * content) ** 2 / rim
    if unit != "px":
        columns |= {f"centroid_{name}_{unit}": shapes.centroid[:, a] * units.sides[a] for a, name in of_axes}
    columns |= {f"centroid_{name}_px": shapes.centroid[:, a] for a, name in of_axes}
    columns |= {f"low_{name}_px": shapes.low[:, a] for a, name in of_axes}
    columns |= {f"high_{name}_px": shapes.high[:, a] for a, name in of_axes}
    columns |= _axes(shapes.covariance, units)
    ends = np.array(shape_zyx)
    beyond = (shapes.low == 0) | (shapes.high == ends)
    columns["touches_border"] = beyond[:, [a for a, _ in of_axes]].any(axis=1).astype(np.int64)
    return columns


def _axes(covariance: Floats, units: Units) -> Columns:
    """Return the lengths of the principal axes, longest first, and directions of the longest and shortest.

    They are those of the ellipsoid (in a section the ellipse) with the same second moments. A voxel counts as
    a box, not as a point: it adds a twelfth of the square of its sides.
    """
    if not len(covariance):
        covariance = np.empty((0, len(PAIRS)))
    dimensions = len(units.axes)
    sides = np.array(units.sides)
    matrix = np.empty((len(covariance), 3, 3))
    for pair, (a, b) in enumerate(PAIRS):
        matrix[:, a, b] = matrix[:, b, a] = (covariance[:, pair] + (a == b) / 12) * sides[a] * sides[b]
    matrix = matrix[:, 3 - dimensions :, 3 - dimensions :]
    known = np.isfinite(matrix).all(axis=(1, 2))
    squares, vectors = np.linalg.eigh(np.where(known[:, None, None], matrix, np.eye(dimensions)))
    squares, vectors = np.maximum(squares[:, ::-1], 0), vectors[:, :, ::-1]
    squares[~known] = np.nan
    # A solid ellipsoid with the half axis a has the variance a^2 / 5 along it, an ellipse a^2 / 4.
    lengths = 2 * np.sqrt((dimensions + 2) * squares)
    columns: Columns = {
        f"axis_{number}_{units.unit}": defined(lengths[:, number - 1]) for number in range(1, dimensions + 1)
    }
    # In a section the shortest axis stands on the longest.
    for number, beside in ((1, 2),) if dimensions == 2 else ((1, 2), (3, 2)):
        vector = _pointing_up(vectors[:, :, number - 1])
        gap = np.abs(squares[:, number - 1] - squares[:, beside - 1])
        vector[~(gap > _NO_DIRECTION * squares[:, 0])] = np.nan
        columns |= {f"axis_{number}_{name}": defined(vector[:, i]) for i, name in enumerate(units.axes)}
    return columns


def _pointing_up(vectors: Floats) -> Floats:
    """Turn vectors (objects, axes) so that their largest component is positive, and 0 is never -0."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return np.where(largest < 0, -vectors, vectors) + 0.0
