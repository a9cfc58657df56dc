"""Rotation, scaling, tilt and a smooth elastic field: one map for each sample, one interpolation.

Every place of the new patch is a place of the old one, told by cubic B-splines on a coarse grid of control
points: a free-form deformation (Rueckert et al. 1999, IEEE Trans. Med. Imaging 18:712). Such splines
reproduce straight maps exactly. So control points that are moved a little, then scaled and turned, are
elastic deformation, scaling and rotation at once; and one set of them tells the places of the image's voxels
as well as those of labels on a finer grid.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cristae.labels import UNKNOWN

_KNOTS_APART = 32.0
"""Voxels between control points, about."""


@dataclass(frozen=True)
class Freedom:
    """How far a patch may be deformed.

    Parameters
    ----------
    turn_deg
        In-plane, to either side; with the exact quarter turns and flips 45 is every angle.
    tilt_deg
        Out of plane, about any in-plane axis; only where voxels are nearly isotropic.
    zoom
        Largest factor of scaling; the least is 1 / zoom.
    stretch
        Largest factor of scaling along one axis, beside the zoom.
    elastic
        Largest move of a control point along each axis, in distances between them. Below 0.4 nothing folds
        over (Choi and Lee 2000, Graphical Models 62:411).
    """

    turn_deg: float
    tilt_deg: float
    zoom: float
    stretch: float
    elastic: float

    def scaled(self, strength: float) -> "Freedom":
        """Return so much of this freedom, 0 to 1."""
        return Freedom(
            self.turn_deg * strength,
            self.tilt_deg * strength,
            self.zoom**strength,
            self.stretch**strength,
            self.elastic * strength,
        )


FREEDOMS: Mapping[str, Freedom] = {
    "light": Freedom(turn_deg=15, tilt_deg=10, zoom=1.1, stretch=1.03, elastic=0.06),
    # Neighbouring voxels of the new patch lie less than two old ones apart: boundaries are two voxels thick,
    # and none may be lost.
    "full": Freedom(turn_deg=45, tilt_deg=30, zoom=1.25, stretch=1.06, elastic=0.12),
}


@dataclass(frozen=True)
class Deformation:
    """One map for each sample of a batch.

    Parameters
    ----------
    control
        Where the control points lie in the old patch, (n, axes, [z,] y, x): the coordinates are in the order
        x, y[, z], and -1...1 is the patch from edge to edge, as for :func:`torch.nn.functional.grid_sample`.

    Examples
    --------
    >>> still = Deformation(control_points((1, 1), (4.0, 4.0), torch.eye(2)[None], torch.zeros(1, 2, 4, 4)))
    >>> [round(float(v), 4) for v in still.places((4, 4))[0, 0, :, 0]]
    [-0.75, -0.25, 0.25, 0.75]
    """

    control: Tensor

    def to(self, device: torch.device) -> "Deformation":
        """Return the same for batches on this device."""
        return Deformation(self.control.to(device))

    def places(self, shape: Sequence[int]) -> Tensor:
        """Return where the voxels of a grid of this shape lie in the old patch, (n, [z,] y, x, axes)."""
        values = self.control
        for axis, length in enumerate(shape, start=2):
            basis = _spline_basis(length, values.shape[axis] - 3).to(values)
            values = (values.movedim(axis, -1) @ basis.T).movedim(-1, axis)
        return values.movedim(1, -1)

    def image(self, x: Tensor) -> Tensor:
        """Return images (n, c, [z,] y, x) deformed, linearly interpolated; mirrored beyond the patch."""
        return functional.grid_sample(
            x, self.places(x.shape[2:]), mode="bilinear", padding_mode="reflection", align_corners=False
        )

    def labels(self, targets: Tensor) -> Tensor:
        """Return targets (n, c, [z,] y, x), whole numbers below 2^24: those of the nearest voxels.

        They are unknown beyond the patch.
        """
        known = targets.float() - UNKNOWN  # what lies beyond is 0
        nearest = functional.grid_sample(
            known, self.places(targets.shape[2:]), mode="nearest", padding_mode="zeros", align_corners=False
        )
        return (nearest + UNKNOWN).to(targets.dtype)


def draw_deformation(
    count: int, extent: Sequence[float], freedom: Freedom, generator: torch.Generator
) -> Deformation:
    """Draw a deformation for each of some samples.

    Parameters
    ----------
    count
        Number of samples.
    extent
        Of the patch along [z,] y, x, all in one unit, such that an in-plane voxel is about 1.
    freedom
        How far.
    generator
        What draws; on the CPU.
    """
    axes = len(extent)
    knots = [max(1, round(length / _KNOTS_APART)) for length in extent]
    moves = _symmetric((count, axes, *(k + 3 for k in knots)), generator) * freedom.elastic
    apart = torch.tensor([length / k for length, k in zip(extent, knots, strict=True)]).flip(0)
    moves *= apart.view(1, axes, *(1,) * axes)
    angles = _symmetric((count, 3), generator)
    turns = _turns(angles[:, 0] * math.radians(freedom.turn_deg), axes)
    if axes == 3:
        tilts = _tilts(angles[:, 1] * math.radians(freedom.tilt_deg), angles[:, 2] * math.pi)
        turns = tilts @ turns
    zooms = freedom.zoom ** _symmetric((count, 1, 1), generator)
    stretches = freedom.stretch ** _symmetric((count, 1, axes), generator)
    return Deformation(control_points(knots, extent, turns * zooms * stretches, moves))


def control_points(shape: Sequence[int], extent: Sequence[float], linear: Tensor, moves: Tensor) -> Tensor:
    """Return the control points of a deformation; see :class:`Deformation`.

    Parameters
    ----------
    shape
        Distances between control points along [z,] y, x; each axis has three points more.
    extent
        Of the patch along [z,] y, x.
    linear
        Rotation and scaling about the middle of the patch in coordinates x, y[, z], (n, axes, axes).
    moves
        How far each control point is moved before that, in the unit of the extent, (n, axes, [z,] y, x).
    """
    rows = [((torch.arange(k + 3) - 1) / k - 0.5) * length for k, length in zip(shape, extent, strict=True)]
    points = torch.stack(torch.meshgrid(*rows, indexing="ij")[::-1])  # x, y[, z]
    turned = torch.einsum("nab,nb...->na...", linear, points + moves)
    half = torch.tensor(list(extent)[::-1]) / 2
    return turned / half.view(1, -1, *(1,) * len(shape))


def _spline_basis(length: int, knots: int) -> Tensor:
    """Return how much each control point counts at the middle of each voxel, (length, knots + 3)."""
    at = (torch.arange(length, dtype=torch.float64) + 0.5) * knots / length
    cell = at.floor().clamp(max=knots - 1)
    u = at - cell
    weights = torch.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], 1)
    basis = torch.zeros(length, knots + 3, dtype=torch.float64)
    return basis.scatter_(1, cell.long()[:, None] + torch.arange(4), weights / 6)


def _turns(angles: Tensor, axes: int) -> Tensor:
    """Return rotations in the plane of x and y, (n, axes, axes)."""
    turns = torch.eye(axes).repeat(len(angles), 1, 1)
    cos, sin = angles.cos(), angles.sin()
    turns[:, 0, 0], turns[:, 0, 1], turns[:, 1, 0], turns[:, 1, 1] = cos, -sin, sin, cos
    return turns


def _tilts(angles: Tensor, directions: Tensor) -> Tensor:
    """Return rotations (n, 3, 3) by angles about in-plane axes of these directions."""
    about = torch.zeros(len(angles), 3, 3)
    about[:, 0, 2], about[:, 1, 2] = directions.sin(), -directions.cos()
    about -= about.mT.clone()
    # Rodrigues' formula; the matrix is that of the vector product with the axis.
    sin, cos = angles.sin().view(-1, 1, 1), angles.cos().view(-1, 1, 1)
    return torch.eye(3) + sin * about + (1 - cos) * about @ about


def _symmetric(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(*shape, generator=generator) - 1
