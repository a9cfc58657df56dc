"""Bodies that touch are parted where they are narrow: a watershed on the depth inside each class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
import numpy.typing as npt

from cristae.labels.flooding import flooded
from cristae.labels.objects import components, steps_zyx
from cristae.volumes import VoxelSize

DEEPEST = 32.0
"""Voxels along x; deeper inside than this, all places are alike."""

NARROW = 0.7
"""Two bodies are parted where they are less deep than this share of how deep the shallower one is."""

SURELY = 1.0
"""Voxels along x: what is narrower by less may be no more than a matter of voxels."""

_BLUR = 1.0
_BITS = 32
_LOW = (1 << _BITS) - 1

type Ids = npt.NDArray[np.integer[Any]]
type Depths = npt.NDArray[np.float32]


def blobs_from(
    classes: npt.NDArray[np.uint8], voxel_size: VoxelSize | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Depths]:
    """Cut every class into fragments, one around each place that lies deeper inside than all around it.

    Parameters
    ----------
    classes
        (z, y, x); 0 is background.
    voxel_size
        For distances in nanometres; None means isotropic.

    Returns
    -------
    fragments, seeds, depth
        Ids from 1 on (z, y, x), 0 background; the same only where the fragments began to grow; and the
        distance of each voxel to what is not of its class, in voxels along x, up to :data:`DEEPEST`, a
        little smoothed.

    Examples
    --------
    >>> fragments, _, _ = blobs_from(np.array([[[1, 1, 1, 0, 2, 2]]], np.uint8), None)
    >>> fragments
    array([[[1, 1, 1, 0, 2, 2]]])
    """
    from skimage import morphology  # not above: it takes a second, and few need it

    local_maxima: Any = morphology.local_maxima  # it has no type hints
    depth = depth_inside(classes, voxel_size)
    fragments, seeds = np.zeros(classes.shape, np.int64), np.zeros(classes.shape, np.int64)
    found = 0
    for number, wide in _places(classes, (1, 1, 1)):
        inside = classes[wide] == number
        own = np.where(inside, depth[wide], np.float32(0))
        # The moat makes a top also of what is flat: one object all over has no local maximum otherwise.
        moated = np.pad(np.where(inside, own, np.float32(-1)), 1, constant_values=-1)
        tops = components(local_maxima(moated, connectivity=3)[1:-1, 1:-1, 1:-1] & inside, 6)
        grown = flooded(1 - own / DEEPEST, own, DEEPEST, tops, inside)
        missed = inside & (grown == 0)
        islands = components(missed, 6)
        grown[missed] = tops[missed] = islands[missed] + tops.max()
        fragments[wide][inside] = grown[inside] + found
        seeds[wide][tops > 0] = tops[tops > 0] + found
        found += int(grown.max())
    return fragments, seeds, depth


def depth_inside(classes: npt.NDArray[np.uint8], voxel_size: VoxelSize | None) -> Depths:
    """Return how far each voxel is from what is not of its class.

    Parameters
    ----------
    classes, voxel_size
        As for :func:`blobs_from`.

    Returns
    -------
    ndarray of float32
        (z, y, x), in voxels along x, up to :data:`DEEPEST`, a little smoothed; 0 in the background.

    Examples
    --------
    >>> np.round(depth_inside(np.array([[[1, 1, 1, 1, 0]]], np.uint8), None), 1)
    array([[[3.6, 2.9, 2. , 1.1, 0. ]]], dtype=float32)
    """
    steps = steps_zyx(voxel_size)
    depth = edt.edt(np.ascontiguousarray(classes), anisotropy=steps, black_border=False, parallel=1)
    depth = np.minimum(depth, np.float32(DEEPEST))
    smooth = np.zeros(classes.shape, np.float32)
    for number, wide in _places(classes, [int(4 * _BLUR / step) + 2 for step in steps]):
        inside = classes[wide] == number
        own = _blurred(np.where(inside, depth[wide], np.float32(0)), steps)
        smooth[wide][inside] = own[inside]
    return smooth


def _places(
    classes: npt.NDArray[np.uint8], reach_zyx: Sequence[int]
) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """Yield each class that is there, and where, with some context."""
    from scipy.ndimage import find_objects  # not above: it takes a second, and few need it

    for number, place in enumerate(find_objects(classes), 1):
        if place is not None:
            yield (
                number,
                tuple(slice(max(0, p.start - r), p.stop + r) for p, r in zip(place, reach_zyx, strict=True)),
            )


@dataclass(frozen=True)
class Necks:
    """How deep fragments are, and how deep the places are where they touch.

    Attributes
    ----------
    numbers, tops
        Of the fragments, rising, and how deep each is.
    pairs
        Two fragments each that touch, the smaller number in the higher 32 bits; rising, each once.
    depths
        The depth of the deepest face between them: of the shallower one of its two voxels.
    """

    numbers: npt.NDArray[np.int64]
    tops: Depths
    pairs: npt.NDArray[np.uint64]
    depths: Depths

    @classmethod
    def between(
        cls,
        fragments: Ids,
        classes: npt.NDArray[Any],
        depth: Depths,
        margin_zyx: Sequence[int] = (0, 0, 0),
    ) -> "Necks":
        """Measure within a block.

        Parameters
        ----------
        fragments, classes, depth
            As of :func:`blobs_from`, with numbers below 2^32. Fragments of two classes do not touch.
        margin_zyx
            So many voxels at the lower end of each axis are those of blocks that were measured before.

        Examples
        --------
        >>> depth = np.array([[[3, 2, 4]]], np.float32)
        >>> found = Necks.between(np.array([[[1, 1, 2]]]), np.ones((1, 1, 3), np.uint8), depth)
        >>> found.numbers.tolist(), found.tops.tolist(), found.depths.tolist()
        ([1, 2], [3.0, 4.0], [2.0])
        """
        pairs, depths = [], []
        for axis in range(3):
            low, high = [slice(margin, None) for margin in margin_zyx], [slice(m, None) for m in margin_zyx]
            high[axis] = slice(max(1, margin_zyx[axis]), None)
            low[axis] = slice(high[axis].start - 1, -1)
            a, b = fragments[*low], fragments[*high]
            touch = (a != b) & (a > 0) & (b > 0) & (classes[*low] == classes[*high])
            pairs.append(_pair(a[touch], b[touch]))
            depths.append(np.minimum(depth[*low][touch], depth[*high][touch]))
        there = fragments > 0
        tops = _deepest(fragments[there].astype(np.int64), depth[there])
        return cls(*tops, *_deepest(np.concatenate(pairs), np.concatenate(depths)))

    @classmethod
    def together(cls, parts: Sequence["Necks"]) -> "Necks":
        """Return those of several blocks."""
        no_depth = np.empty(0, np.float32)
        numbers = np.concatenate([np.empty(0, np.int64), *(part.numbers for part in parts)])
        tops = _deepest(numbers, np.concatenate([no_depth, *(part.tops for part in parts)]))
        pairs = np.concatenate([np.empty(0, np.uint64), *(part.pairs for part in parts)])
        return cls(*tops, *_deepest(pairs, np.concatenate([no_depth, *(part.depths for part in parts)])))

    def renamed(self, numbers: Ids) -> "Necks":
        """Return those of the fragments under other numbers; what gets the same one has no neck."""
        tops = _deepest(numbers[self.numbers].astype(np.int64), self.tops)
        one, other = numbers[self.pairs >> np.uint64(_BITS)], numbers[self.pairs & np.uint64(_LOW)]
        stay = one != other
        return Necks(*tops, *_deepest(_pair(one[stay], other[stay]), self.depths[stay]))

    def bodies(self, count: int) -> npt.NDArray[np.int64]:
        """Join what no neck parts, across the deepest places first.

        Parameters
        ----------
        count
            All numbers of fragments are below it.

        Returns
        -------
        ndarray of int64
            For each number of a fragment, the number of one of the fragments of its body.

        Examples
        --------
        >>> thick, thin = np.array([10, 9, 10], np.float32), np.array([9, 3], np.float32)
        >>> touching = np.array([1 << 32 | 2, 2 << 32 | 3], np.uint64)
        >>> Necks(np.array([1, 2, 3]), thick, touching, thin).bodies(4).tolist()
        [0, 1, 1, 3]
        """
        body, top = list(range(count)), [0.0] * count
        for number, depth in zip(self.numbers.tolist(), self.tops.tolist(), strict=True):
            top[number] = depth

        def root(fragment: int) -> int:
            while body[fragment] != fragment:
                body[fragment] = body[body[fragment]]
                fragment = body[fragment]
            return fragment

        order = np.lexsort((self.pairs, -self.depths))
        first = (self.pairs[order] >> np.uint64(_BITS)).tolist()
        second = (self.pairs[order] & np.uint64(_LOW)).tolist()
        for one, other, depth in zip(first, second, self.depths[order].tolist(), strict=True):
            one, other = root(one), root(other)
            shallower = min(top[one], top[other])
            if one != other and depth >= min(NARROW * shallower, shallower - SURELY):
                one, other = min(one, other), max(one, other)
                body[other], top[one] = one, max(top[one], top[other])
        return np.array([root(fragment) for fragment in range(len(body))])


def _blurred(depth: Depths, steps: Sequence[float]) -> Depths:
    """Return depths without the bumps that a ragged surface makes."""
    from scipy.ndimage import gaussian_filter  # not above: it takes a second, and few need it

    return np.asarray(gaussian_filter(depth, [_BLUR / step for step in steps]), dtype=np.float32)


def _pair(one: Ids, other: Ids) -> npt.NDArray[np.uint64]:
    low, high = np.minimum(one, other).astype(np.uint64), np.maximum(one, other).astype(np.uint64)
    return low << np.uint64(_BITS) | high


def _deepest[T: np.integer[Any]](keys: npt.NDArray[T], depths: Depths) -> tuple[npt.NDArray[T], Depths]:
    """Return each key once, rising, with the deepest of its depths."""
    unique, place = np.unique(keys, return_inverse=True)
    deepest = np.zeros(unique.size, np.float32)
    np.maximum.at(deepest, place, depths)
    return unique, deepest
