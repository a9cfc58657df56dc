"""Stream through a label image and count its values, in constant memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fastremap
import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.labels.thickness import voxels_told
from cristae.volumes import Image

SLAB_VOXELS = 1 << 23
"""So many voxels are held at a time: 64 MiB of the widest integers."""

LARGEST_ID = 2**63 - 1

_MANTISSA_BITS = {2: 11, 4: 24, 8: 53, 16: 64}


def slabs(
    shape_zyx: Sequence[int], z: tuple[int, int] | None = None, voxels: int = SLAB_VOXELS, multiple: int = 1
) -> Iterator[Box]:
    """Cut a volume into boxes of at most `voxels`: whole sections where they fit, bands of rows where not.

    If so many fit, their number is a multiple of `multiple`.

    Examples
    --------
    >>> [box.shape for box in slabs((5, 4, 4), voxels=32)]
    [(2, 4, 4), (2, 4, 4), (1, 4, 4)]
    """
    depth, height, width = shape_zyx
    start, stop = z or (0, depth)
    sections = max(1, voxels // (height * width))
    sections -= sections % multiple if sections > multiple else 0
    rows = height if sections > 1 else max(1, min(height, voxels // width))
    for z0 in range(start, stop, sections):
        for y0 in range(0, height, rows):
            yield Box((z0, y0, 0), (min(z0 + sections, stop), min(y0 + rows, height), width))


def as_integers(
    labels: npt.NDArray[np.generic], what: str = "labels", *, may_be_unknown: bool = False
) -> npt.NDArray[np.generic]:
    """Return label values as integers, refusing what is not a label.

    Boolean masks become 0 and 1. Floating-point images are accepted as long as every value is a whole number
    that the type holds exactly (ImageJ keeps ids beyond 65,535 in 32-bit windows, exact to 16,777,216).

    Parameters
    ----------
    labels
        Values of any number type.
    what
        What the image is called in sentences.
    may_be_unknown
        Whether a value can be named as unknown here, which is an advice then.

    Raises
    ------
    InvalidInput
        For NaN, infinity, fractions, ids that the type cannot hold exactly, complex numbers and text.

    Examples
    --------
    >>> as_integers(np.array([0.0, 3.0], np.float32))
    array([0, 3])
    """
    if labels.dtype == bool:
        return labels.view(np.uint8)
    if labels.dtype.kind in "iu":
        return labels
    if labels.dtype.kind != "f":
        raise InvalidInput(
            f"The {what} are of type {labels.dtype}. Save them as an 8-, 16- or 32-bit label image."
        )
    finite = np.isfinite(labels)
    if not finite.all():
        bad = int(labels.size - np.count_nonzero(finite))
        raise InvalidInput(
            f"The {what} contain NaN or infinity ({voxels_told(bad)} in one part). "
            "Set these voxels to 0"
            + (", or to a value of their own, named as unknown." if may_be_unknown else ".")
        )
    whole = np.rint(labels)
    if (whole != labels).any():
        example = float(labels[whole != labels].flat[0])
        raise InvalidInput(
            f"The {what} contain fractions such as {example:g}, so this is no label image. Probabilities "
            f"need a "
            "threshold first; a label image that was scaled must be scaled again without interpolation."
        )
    exact_to = 2 ** (_MANTISSA_BITS[labels.dtype.itemsize])
    if labels.size and float(np.abs(whole).max()) > exact_to:
        raise InvalidInput(
            f"The {what} contain ids above {exact_to:,}, which {labels.dtype} cannot tell apart any more. "
            "Number the objects anew from 1, with what wrote them or in Fiji with MorphoLibJ > Label Images "
            "> Remap Labels, or give a file of whole numbers (uint32) to the command line."
        )
    return whole.astype(np.int64)


def signed(labels: npt.NDArray[np.generic], what: str = "labels") -> npt.NDArray[np.generic]:
    """Return integers as they are, but unsigned ones of 64 bits as int64.

    Raises
    ------
    InvalidInput
        For values beyond 2^63 - 1.

    Examples
    --------
    >>> signed(np.array([2**40], np.uint64)).dtype.name
    'int64'
    """
    if labels.dtype.kind != "u" or labels.dtype.itemsize < 8:
        return labels
    if labels.size and int(labels.max()) > LARGEST_ID:
        raise InvalidInput(
            f"The {what} contain ids above 2^63 - 1. Number the objects anew from 1 with the program that "
            "wrote them, or in Python with skimage.segmentation.relabel_sequential."
        )
    return labels.astype(np.int64)


class ValueCounts:
    """How often each value occurs; grows with the number of different values, not with that of voxels."""

    def __init__(self) -> None:
        self._parts: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
        self._pending = 0

    def add(self, values: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> None:
        """Add counts; a value may come again."""
        self._parts.append((values, counts))
        self._pending += values.size
        if self._pending > 2 * self._parts[0][0].size + 65_536:
            self.arrays()

    def arrays(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the values in rising order and their counts."""
        if not self._parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        values, inverse = np.unique(np.concatenate([v for v, _ in self._parts]), return_inverse=True)
        counts = np.zeros(values.size, np.int64)
        np.add.at(counts, inverse, np.concatenate([c for _, c in self._parts]))
        self._parts = [(values, counts)]
        self._pending = values.size
        return values, counts


@dataclass(frozen=True)
class Scan:
    """What one pass over a label image found.

    Attributes
    ----------
    values, counts
        The labelled values (neither 0 nor unknown) in rising order, and their voxels.
    zeros, unknowns
        Voxels of 0 and of the unknown value, per section.
    labelled
        Whether a section has any labelled voxel, per section.
    first_section
        The index of the section that comes first in the arrays.
    """

    values: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    zeros: npt.NDArray[np.int64]
    unknowns: npt.NDArray[np.int64]
    labelled: npt.NDArray[np.bool_]
    first_section: int

    @property
    def count_of(self) -> dict[int, int]:
        """Voxels by labelled value."""
        return dict(zip(self.values.tolist(), self.counts.tolist(), strict=True))


def count_values(block: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the values of an integer block in rising order, and their counts."""
    if block.dtype in (np.uint8, np.uint16):
        counts = np.bincount(block.reshape(-1).astype(np.intp, copy=False))
        values = np.flatnonzero(counts)
        return values.astype(np.int64), counts[values].astype(np.int64)
    values, counts = fastremap.unique(signed(block), return_counts=True)
    return values.astype(np.int64), counts.astype(np.int64)


def scan_values(
    labels: Image,
    *,
    unknown: int | None,
    z: tuple[int, int],
    most_values: int | None = None,
    what: str = "labels",
    may_be_unknown: bool = True,
) -> Scan:
    """Count the values of a label image, section by section.

    Parameters
    ----------
    labels
        One channel.
    unknown
        The value of unknown voxels, if any.
    z
        The sections to look at, half-open.
    most_values
        Give up with advice if there are more different values: these are no classes.
    what
        What the image is called in sentences.
    may_be_unknown
        Whether a value can be named as unknown here, which is an advice then.

    Raises
    ------
    InvalidInput
        For negative values other than `unknown`, and for what :func:`as_integers` refuses.
    """
    depth = z[1] - z[0]
    zeros, unknowns = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    labelled = np.zeros(depth, bool)
    all_counts = ValueCounts()
    for box in slabs(labels.shape_czyx[1:], z):
        block = as_integers(labels.read(box)[0], what, may_be_unknown=may_be_unknown)
        for index, section in enumerate(block, box.start[0] - z[0]):
            values, counts = count_values(section)
            is_unknown, is_zero = values == unknown, values == 0
            unknowns[index] += counts[is_unknown].sum()
            zeros[index] += counts[is_zero & ~is_unknown].sum()
            is_label = ~is_zero & ~is_unknown
            labelled[index] |= bool(is_label.any())
            _refuse_negative(values[is_label], what, may_be_unknown=may_be_unknown)
            all_counts.add(values[is_label], counts[is_label])
        if most_values is not None:
            _refuse_too_many(all_counts.arrays()[0].size, most_values, what)
    values, counts = all_counts.arrays()
    return Scan(values, counts, zeros, unknowns, labelled, z[0])


def _refuse_negative(values: npt.NDArray[np.int64], what: str, *, may_be_unknown: bool) -> None:
    if values.size and values[0] < 0:
        advice = "name it as the unknown value, or change it" if may_be_unknown else "change it"
        raise InvalidInput(
            f"The {what} contain the negative value {values[0]}. Classes and objects count from 1, 0 is "
            f"background: {advice}."
        )


def _refuse_too_many(found: int, most: int, what: str) -> None:
    if found > most:
        raise InvalidInput(
            f"The {what} have more than {most} different values, which is too many for classes. If each "
            "value is one object, choose instances; if this is a grey-value image, choose the label image "
            "instead."
        )
