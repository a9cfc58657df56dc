"""How big the labelled structures are: what the choice of a working resolution rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
import numpy.typing as npt

MOST_SECTIONS = 8
LARGEST_SIDE = 1024

_SPECKS = 0.001
"""Of what is labelled: the smallest profiles that are no more together were left by a brush or a threshold.
There may be more of them than of what somebody meant."""


@dataclass(frozen=True)
class ObjectStatistics:
    """Size of the objects of an instance label image.

    Attributes
    ----------
    count
        Number of objects.
    median_volume_voxels
        Median number of voxels of an object.
    median_thickness_voxels
        Median in-plane thickness of the objects' profiles, in voxels along x; 0 if it is not known.
    """

    count: int
    median_volume_voxels: float
    median_thickness_voxels: float


@dataclass(frozen=True)
class Profiles:
    """The connected profiles of a section.

    Attributes
    ----------
    thicknesses
        How thick each of them is in the section, in voxels, float64.
    voxels
        How many voxels each of them has, int64.
    """

    thicknesses: npt.NDArray[np.float64]
    voxels: npt.NDArray[np.int64]


def median_thickness(sections: Sequence[Profiles]) -> float:
    """Return the median of how thick profiles are, in voxels, without specks; 0 if there are none.

    Examples
    --------
    >>> one_bar_two_specks = Profiles(np.array([20.0, 1.0, 1.0]), np.array([4000, 1, 1]))
    >>> median_thickness([one_bar_two_specks])
    20.0
    """
    thicknesses = np.concatenate([np.empty(0), *(section.thicknesses for section in sections)])
    voxels = np.concatenate([np.empty(0, np.int64), *(section.voxels for section in sections)])
    if not thicknesses.size:
        return 0.0
    by_size = np.argsort(voxels, kind="stable")
    counts = np.cumsum(voxels[by_size]) > _SPECKS * voxels.sum()
    return float(np.median(thicknesses[by_size][counts]))


def profiles_of(section: npt.NDArray[np.generic]) -> Profiles:
    """Return how thick every connected profile of a section is in-plane, and how large.

    Parameters
    ----------
    section
        Labels (y, x); 0 belongs to nothing. Touching profiles of different labels are different. A profile
        that the frame cuts ends there: what lies beyond is not known, and nothing is thicker than what is
        seen of it.

    Examples
    --------
    >>> bar = np.zeros((9, 30), np.uint8)
    >>> bar[3:6, 5:25] = 1
    >>> profiles_of(bar)
    Profiles(thicknesses=array([3.]), voxels=array([60]))
    """
    profiles = cc3d.connected_components(np.ascontiguousarray(section[None]), connectivity=26)[0]
    count = int(profiles.max(initial=0))
    if count == 0:
        return Profiles(np.empty(0), np.empty(0, np.int64))
    # Distance to the nearest voxel that is not of this profile, or to the frame.
    distance = edt.edt(np.ascontiguousarray(profiles), black_border=True, parallel=1)
    inside = profiles > 0
    ids, depth = profiles[inside], distance[inside].astype(np.float64)
    deepest = np.zeros(count + 1)
    np.maximum.at(deepest, ids, depth)
    voxels = np.bincount(ids, minlength=count + 1)[1:]
    mean = np.bincount(ids, depth, count + 1)[1:] / voxels
    # The deepest point is right for blobs but too much for nets, whose crossings are thicker than their
    # threads; six times the mean depth is right for a disc and at most half too much for a thread.
    return Profiles(np.asarray(np.minimum(2 * deepest[1:] - 1, 6 * (mean - 0.5))), voxels)


def voxels_told(count: float) -> str:
    """Say a number of voxels, rounded.

    Examples
    --------
    >>> voxels_told(1.2), voxels_told(1.6)
    ('1 voxel', '2 voxels')
    """
    return f"{count:.0f} voxel{'' if round(count) == 1 else 's'}"


def central_part(height: int, width: int) -> tuple[slice, slice]:
    """Return the central rows and columns that are measured in large sections."""
    top, left = max(0, (height - LARGEST_SIDE) // 2), max(0, (width - LARGEST_SIDE) // 2)
    return slice(top, min(height, top + LARGEST_SIDE)), slice(left, min(width, left + LARGEST_SIDE))


def spread(sections: tuple[int, ...]) -> tuple[int, ...]:
    """Choose at most eight sections, evenly spread.

    Examples
    --------
    >>> spread(tuple(range(100)))
    (6, 18, 31, 43, 56, 68, 81, 93)
    """
    if len(sections) <= MOST_SECTIONS:
        return sections
    step = len(sections) / MOST_SECTIONS
    return tuple(sections[int((k + 0.5) * step)] for k in range(MOST_SECTIONS))
