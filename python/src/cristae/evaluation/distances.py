"""How far apart the surfaces of prediction and truth are, in nanometres.

Conventions. A surface voxel is a voxel of the class with a face neighbour that is known and not of the class.
What lies outside of the volume, or of the sections that are scored, makes no surface, and neither do unknown
voxels. Distances are those of voxel centres.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from cristae.evaluation.comparing import Comparison
from cristae.labels import boundary_classes
from cristae.volumes import VoxelSize

MOST_SURFACE_VOXELS = 5_000_000
"""Of a class on one side: beyond that the search would take too much memory and time."""

TOLERANCE_PIXELS = 1.5
"""Surfaces that are so many in-plane voxel edges apart are the same one: a diagonal neighbour is."""

DISTANCES = ("hausdorff_nm", "hausdorff_95_nm", "mean_surface_distance_nm", "boundary_f1")

_AT_ONCE = 1 << 20

type Points = npt.NDArray[np.float64]


def tolerance_nm(voxel_size: VoxelSize) -> float:
    """Return the distance within which two surfaces are the same: 1.5 times the larger in-plane voxel edge.

    Examples
    --------
    >>> tolerance_nm(VoxelSize(50, 4, 4))
    6.0
    """
    return TOLERANCE_PIXELS * max(voxel_size.y_nm, voxel_size.x_nm)


def surface_distances(
    comparison: Comparison, names: Mapping[int, str], voxel_size: VoxelSize | None
) -> tuple[dict[int, dict[str, float | None]], list[str]]:
    """Compare the surfaces of each class or mask.

    - ``hausdorff_nm``: the largest distance from a surface voxel of one side to the nearest one of the other.
    - ``hausdorff_95_nm``: the 95th percentile of these distances, of the two directions the larger one.
    - ``mean_surface_distance_nm``: their mean, over the surface voxels of both sides.
    - ``boundary_f1``: the harmonic mean of the share of predicted surface voxels that are at most the
      tolerance away from a true one, and the share of true ones that are that near to a predicted one (Csurka
      et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013).

    If one side has no surface, the distances are None and ``boundary_f1`` is 0; if neither has, all are None.
    Memory grows with the surfaces, not with the volume.

    Parameters
    ----------
    comparison
        Of classes or masks.
    names
        The numbers to compare, with their names.
    voxel_size
        In nanometres; without it all distances are None.

    Returns
    -------
    metrics, sentences
        By number, and what a person should know.

    Examples
    --------
    >>> from cristae.evaluation import evaluate_classes
    >>> truth, guess = np.zeros((2, 1, 5, 9), np.uint8)
    >>> truth[0, 1:4, 1:4] = guess[0, 1:4, 1:6] = 1  # two voxels longer
    >>> size = VoxelSize(50, 4, 4)
    >>> scores = evaluate_classes(guess, truth, distances=True, voxel_size=size)["classes"]["1"]
    >>> scores["hausdorff_nm"], round(scores["boundary_f1"], 3)
    (8.0, 0.857)
    """
    nothing: dict[str, float | None] = dict.fromkeys(DISTANCES)
    if voxel_size is None:
        return {number: nothing.copy() for number in names}, [
            "The voxel size is not known, so there are no distances in nanometres. Save it with the images, "
            "or state it (z, y, x)."
        ]
    surfaces = {number: (_Surface(), _Surface()) for number in names}
    for compared, box, core in comparison.parts(margin=1):
        inner = core.relative_to(box).slices
        for side, channels in enumerate((compared.truth, compared.prediction)):
            for numbers in channels:
                is_surface = boundary_classes(numbers, None, compared.known)[inner] == 2
                is_surface &= (numbers[inner] != 0) & compared.known[inner]
                place = np.argwhere(is_surface).astype(np.int32)
                owner = numbers[inner][is_surface]
                for number in np.unique(owner).tolist():
                    if number in surfaces:
                        surfaces[number][side].add(place[owner == number] + np.array(core.start, np.int32))
    metrics, sentences = {}, []
    for number, (true, predicted) in surfaces.items():
        too_large = max(true.voxels, predicted.voxels) > MOST_SURFACE_VOXELS
        metrics[number] = nothing.copy() if too_large else _compare(true, predicted, voxel_size)
        if too_large:
            sentences.append(
                f"The surface of {names[number]!r} has more than {MOST_SURFACE_VOXELS:,} voxels, so it has "
                "no distances; score a range of sections."
            )
    return metrics, sentences


class _Surface:
    """The surface voxels of one class on one side; too many are only counted."""

    def __init__(self) -> None:
        self.voxels = 0
        self._parts: list[npt.NDArray[np.int32]] = []

    def add(self, place_zyx: npt.NDArray[np.int32]) -> None:
        self.voxels += len(place_zyx)
        self._parts.append(place_zyx)
        if self.voxels > MOST_SURFACE_VOXELS:
            self._parts.clear()

    def points(self, voxel_size: VoxelSize) -> Points:
        """Return the places in nanometres, (n, 3)."""
        return np.asarray(np.concatenate(self._parts) * np.array(voxel_size.zyx_nm))


def _compare(true: _Surface, predicted: _Surface, voxel_size: VoxelSize) -> dict[str, float | None]:
    if not true.voxels or not predicted.voxels:
        metrics: dict[str, float | None] = dict.fromkeys(DISTANCES)
        if true.voxels or predicted.voxels:
            metrics["boundary_f1"] = 0.0
        return metrics
    here, there = true.points(voxel_size), predicted.points(voxel_size)
    both_ways = (_nearest(here, there), _nearest(there, here))
    # A hair more, because 1.5 times an edge may be rounded below what is exactly that far away.
    near = tolerance_nm(voxel_size) * (1 + 1e-9)
    shares = [float(np.mean(distances <= near)) for distances in both_ways]
    return {
        "hausdorff_nm": max(float(distances.max()) for distances in both_ways),
        "hausdorff_95_nm": max(float(np.percentile(distances, 95)) for distances in both_ways),
        "mean_surface_distance_nm": float(
            sum(distances.sum() for distances in both_ways) / (len(here) + len(there))
        ),
        "boundary_f1": 2 * shares[0] * shares[1] / sum(shares) if any(shares) else 0.0,
    }


def _nearest(here: Points, there: Points) -> npt.NDArray[np.float64]:
    """Return the distance of each point of `here` to the nearest one of `there`."""
    tree = cKDTree(there, balanced_tree=False)  # on a grid, medians of many equal numbers take long
    return np.concatenate(
        [tree.query(here[at : at + _AT_ONCE], workers=-1)[0] for at in range(0, len(here), _AT_ONCE)]
    )
