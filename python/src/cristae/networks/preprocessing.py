"""From grey values to what a network sees, the same for training and for every tile of a prediction.

Nothing here may depend on the tile, or two tilings of one image would give two results. So grey values are
normalised with statistics of something that does not change: the training data (frozen in the model), or the
whole section, or the whole image. Beyond the ends of the volume its own voxels are mirrored, wherever the
tile lies.

:class:`Preprocessing` is the part of a model record, :class:`Frame` is one image seen through it.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput
from cristae.geometry import Box, Triple
from cristae.networks.statistics import (
    ReadableImage,
    Statistics,
    image_statistics,
    sample,
    section_statistics,
)

Float32 = NDArray[np.float32]

NORMALISATIONS = ("training", "section", "image")
_LIMIT = 8.0
"""Normalised grey values beyond are cut: a hot pixel must not shine through a whole network."""


def broken_in(voxels: NDArray[Any]) -> int:
    """Count the voxels that are no finite numbers.

    Examples
    --------
    >>> broken_in(np.array([1.0, np.nan, -np.inf])), broken_in(np.array([1, 2]))
    (2, 0)
    """
    return int(voxels.size - np.count_nonzero(np.isfinite(voxels)))


def broken_told(count: int) -> str:
    """Say how many voxels of an image are no finite numbers, and what a network sees in their place."""
    found = (
        "1 voxel of the image is no number" if count == 1 else f"{count} voxels of the image are no numbers"
    )
    return f"{found} (NaN or infinite), and taken for the mean grey value."


@dataclass(frozen=True)
class Preprocessing:
    """How grey values become the input of a network; stored in the model record.

    Parameters
    ----------
    dims
        2: the network sees sections, 3: volumes.
    normalisation
        "training": with ``statistics``, unless the image is quite unlike; then as "image". "section": each
        section by its own, for serial sections, whose brightness and contrast jump. "image": by those of a
        fixed sample of the whole image.
    statistics
        Mean and standard deviation of the training data, one number a channel.
    downsample_zyx
        Voxels that are averaged into one along each axis.
    context
        With ``dims=2``: neighbour sections on each side that the network sees as further channels.

    Examples
    --------
    >>> preprocessing = Preprocessing(2, "section", Statistics((100.0,), (20.0,)), (1, 2, 2), context=1)
    >>> preprocessing.input_channels(image_channels=1)
    3
    """

    dims: int
    normalisation: str
    statistics: Statistics
    downsample_zyx: Triple = (1, 1, 1)
    context: int = 0

    def __post_init__(self) -> None:
        if self.normalisation not in NORMALISATIONS:
            raise InvalidInput(
                f"The normalisation is one of {', '.join(NORMALISATIONS)}, not {self.normalisation!r}."
            )
        if len(self.statistics.mean) != len(self.statistics.std) or not self.statistics.mean:
            raise InvalidInput(
                "The model's grey value statistics need one mean and one deviation for each channel."
            )
        if not all(np.isfinite(self.statistics.mean)) or not all(0 < s < np.inf for s in self.statistics.std):
            raise InvalidInput(
                "The model's grey value statistics must be finite, its deviations greater than 0."
            )
        if any(not 1 <= d <= 16 for d in self.downsample_zyx) or not 0 <= self.context <= 16:
            raise InvalidInput("The model's reduction must lie in 1 to 16, its context in 0 to 16 sections.")
        if (
            self.dims not in (2, 3)
            or (self.dims == 2 and self.downsample_zyx[0] != 1)
            or (self.dims == 3 and self.context)
        ):
            raise InvalidInput(
                "A model sees sections (2, not reduced along z) or volumes (3, without context sections)."
            )

    def input_channels(self, image_channels: int) -> int:
        """Return how many channels the network's input has for an image of so many channels."""
        return image_channels * (2 * self.context + 1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as :meth:`from_dict` takes them."""
        record = asdict(self)
        record["downsample_zyx"] = list(self.downsample_zyx)
        record["statistics"] = {"mean": list(self.statistics.mean), "std": list(self.statistics.std)}
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Preprocessing":
        """Read what :meth:`to_dict` wrote; anything else raises :class:`InvalidInput`."""
        try:
            z, y, x = (int(d) for d in record["downsample_zyx"])
            mean, std = (tuple(float(v) for v in record["statistics"][name]) for name in ("mean", "std"))
            dims, context, kind = int(record["dims"]), int(record["context"]), str(record["normalisation"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"The model's preprocessing is damaged: {error!r}.") from error
        return cls(dims, kind, Statistics(mean, std), (z, y, x), context)


def check_channels(channels: int, trained_on: int) -> None:
    """Refuse an image with more or fewer channels than the model was trained on."""
    if channels != trained_on:
        raise InvalidInput(
            f"The image has {channels} channel{'' if channels == 1 else 's'}, the model was trained on "
            f"{trained_on}. Choose an image with the same channels."
        )


class Frame:
    """One image as a network sees it: mirrored at its ends, normalised, reduced, with its neighbour sections.

    The image is thought to be continued to ``padded_shape_zyx``, a multiple of ``step_zyx`` on each axis.
    Boxes are in voxels of the image, start and stop at multiples of the step, and a prediction throws away
    what lies beyond the image's shape. Frames may be read from several threads if the image may.

    Parameters
    ----------
    image
        The image; its channels must be those of the training data.
    preprocessing
        How the model wants it.
    stride_zyx
        The network's :func:`~cristae.networks.unet.total_stride`.

    Examples
    --------
    >>> from cristae.volumes import ArrayImage
    >>> image = ArrayImage(np.arange(15, dtype=np.uint8).reshape(1, 3, 5))
    >>> frame = Frame(image, Preprocessing(2, "training", Statistics((7.0,), (1.0,)), (1, 2, 2)), (1, 2, 2))
    >>> frame.padded_shape_zyx, frame.step_zyx
    ((1, 4, 8), (1, 4, 4))
    >>> frame.read(Box((0, 0, 0), (1, 4, 4))).shape  # n, c, y, x on the reduced grid
    (1, 1, 2, 2)
    """

    def __init__(self, image: ReadableImage, preprocessing: Preprocessing, stride_zyx: Sequence[int]) -> None:
        channels = image.shape_czyx[0]
        check_channels(channels, len(preprocessing.statistics.mean))
        self.image = image
        self.preprocessing = preprocessing
        self.shape_zyx: Triple = image.shape_czyx[1:]
        self.step_zyx: Triple = _triple(
            s * d for s, d in zip(stride_zyx, preprocessing.downsample_zyx, strict=True)
        )
        self.padded_shape_zyx: Triple = _triple(
            -(-n // step) * step for n, step in zip(self.shape_zyx, self.step_zyx, strict=True)
        )
        self._lock = threading.Lock()
        # Mean and deviation, (section, channel); not yet measured where that is 0. Of a hundred thousand
        # sections this is a megabyte.
        self._means, self._deviations = np.zeros((2, self.shape_zyx[0], channels), np.float32)
        self._image_statistics: Statistics | None = None

    def halo_zyx(self, network_halo_zyx: Sequence[int]) -> Triple:
        """Return the network's halo in voxels of the image, rounded up to the step."""
        return _triple(
            -(-(h * d) // step) * step
            for h, d, step in zip(
                network_halo_zyx, self.preprocessing.downsample_zyx, self.step_zyx, strict=True
            )
        )

    def inside(self, box_zyx: Box) -> Box:
        """Return the voxels of the image that :meth:`read` reads for a box."""
        return mirrored_box(self._with_context(box_zyx), self.shape_zyx)

    def samples(self, box_zyx: Box) -> list[list[Box]]:
        """Return where the grey values are measured to :meth:`read` a box; often nowhere but in the image.

        Of an image that is normalised by itself, or may have to be, that is one sample of boxes; else the
        sections that are read, each by itself.
        """
        if self.preprocessing.normalisation == "section":
            inside, (_, rows, columns) = self.inside(box_zyx), self.shape_zyx
            return [[Box((z, 0, 0), (z + 1, rows, columns))] for z in _sections_of(inside)]
        return [sample(self.shape_zyx)]

    def take(self, box_zyx: Box, measured: Sequence[Statistics]) -> None:
        """Take what somebody measured in the :meth:`samples` of a box; the image is not asked for it then."""
        with self._lock:
            if self.preprocessing.normalisation == "section":
                for z, of_section in zip(_sections_of(self.inside(box_zyx)), measured, strict=True):
                    self._note(z, of_section)
            else:
                (of_image,) = measured
                self._image_statistics = self._used(of_image)

    def read(self, box_zyx: Box) -> Float32:
        """Return the network's input for a box, (z, c, y, x) with ``dims=2``, (1, c, z, y, x) with 3.

        With context sections the channels are those of section z - context, ..., z + context, in this order.
        """
        context = self.preprocessing.context
        prepared = self._read_normalised(self._with_context(box_zyx))
        if self.preprocessing.dims == 3:
            return prepared[None]
        channels, sections = len(prepared), box_zyx.shape[0]
        seen = np.empty((sections, channels * (2 * context + 1), *prepared.shape[2:]), np.float32)
        for offset in range(2 * context + 1):
            own = seen[:, offset * channels : (offset + 1) * channels]
            own[...] = prepared[:, offset : offset + sections].swapaxes(0, 1)
        return seen

    def doubt(self) -> str | None:
        """Return a sentence if the grey values are quite unlike those of the training data, else None."""
        if self.preprocessing.normalisation != "training":
            return None
        if not self.is_normalised_by_itself():
            return None
        used, trained = self._statistics_of_image(), self.preprocessing.statistics
        return (
            f"The image's grey values ({used}) are unlike those that the model was trained on ({trained}): "
            "they are normalised by themselves, and the result may be worse."
        )

    def is_normalised_by_itself(self) -> bool:
        """Tell whether the image's own grey values count, not those of the training data."""
        if self.preprocessing.normalisation == "section":
            return True
        with self._lock:
            return self._statistics_of_image() != self.preprocessing.statistics

    def _statistics_of_image(self) -> Statistics:
        """Return what the whole image is normalised with; measured once."""
        if self._image_statistics is None:
            self._image_statistics = self._used(image_statistics(self.image))
        return self._image_statistics

    def _used(self, found: Statistics) -> Statistics:
        """Return what an image with these statistics is normalised with."""
        trained = self.preprocessing.statistics
        frozen = self.preprocessing.normalisation == "training" and found.is_like(trained)
        return trained if frozen else found

    def _with_context(self, box_zyx: Box) -> Box:
        return box_zyx.grown((self.preprocessing.context, 0, 0))

    def _read_normalised(self, box_zyx: Box) -> Float32:
        """Return (c, z, y, x) of a box that may reach beyond the image, normalised and reduced."""
        raw, sections = read_mirrored(self.image, box_zyx)
        mean, std = self._statistics_of(sections)
        return normalised(raw, mean, std, self.preprocessing.downsample_zyx)

    def _statistics_of(self, sections: NDArray[np.intp]) -> tuple[Float32, Float32]:
        """Return mean and deviation for these sections, ready to broadcast against (c, z, y, x)."""
        if self.preprocessing.normalisation == "section":
            with self._lock:
                for z in set(sections[self._deviations[sections, 0] == 0].tolist()):
                    self._note(z, section_statistics(self.image, z))
            return _broadcast(self._means[sections]), _broadcast(self._deviations[sections])
        with self._lock:
            statistics = self._statistics_of_image()
        return _broadcast([statistics.mean]), _broadcast([statistics.std])

    def _note(self, z: int, of_section: Statistics) -> None:
        self._means[z], self._deviations[z] = of_section.mean, of_section.std


def _broadcast(sections: Any) -> Float32:
    """Turn the channels of each section, (z, c), into (c, z, 1, 1)."""
    return np.array(sections, dtype=np.float32).T[:, :, None, None]


def read_mirrored(image: ReadableImage, box_zyx: Box) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Read a box that may reach beyond the image, where its voxels are mirrored.

    Returns
    -------
    tuple of numpy.ndarray
        The voxels, (c, z, y, x), and the number of each section in the image, (z,).
    """
    indices = [
        mirrored(start, stop, length)
        for start, stop, length in zip(box_zyx.start, box_zyx.stop, image.shape_czyx[1:], strict=True)
    ]
    inside = mirrored_box(box_zyx, image.shape_czyx[1:])
    values = image.read(inside)
    for axis, (index, first) in enumerate(zip(indices, inside.start, strict=True), start=1):
        if len(index) != values.shape[axis] or index[0] != first or (np.diff(index) != 1).any():
            values = np.take(values, index - first, axis=axis)
    return values, indices[0]


def mirrored_box(box_zyx: Box, shape_zyx: Sequence[int]) -> Box:
    """Return the voxels inside of an image that stand for a box which may reach beyond it.

    Examples
    --------
    >>> str(mirrored_box(Box((-1, 2, 0), (1, 6, 4)), (3, 5, 4)))
    '[0:2, 2:5, 0:4]'
    """
    indices = [
        mirrored(start, stop, length)
        for start, stop, length in zip(box_zyx.start, box_zyx.stop, shape_zyx, strict=True)
    ]
    return Box(tuple(int(i.min()) for i in indices), tuple(int(i.max()) + 1 for i in indices))


def _sections_of(box_zyx: Box) -> range:
    return range(box_zyx.start[0], box_zyx.stop[0])


def mirrored(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Return the indices inside 0...length-1 that stand for start...stop-1 when the ends are mirrors.

    The last voxel is not repeated, as in NumPy's padding mode "reflect".

    Examples
    --------
    >>> mirrored(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2, 3, 2]
    >>> mirrored(-1, 2, 1).tolist()
    [0, 0, 0]
    """
    if length == 1:
        return np.zeros(stop - start, dtype=np.intp)
    period = 2 * (length - 1)
    index = np.arange(start, stop, dtype=np.intp) % period
    return np.minimum(index, period - index)


def normalised(raw: NDArray[Any], mean: Float32, std: Float32, factors_zyx: Triple) -> Float32:
    """Return voxels (c, z, y, x) by `mean` and `std`, cut at the limit, and reduced.

    Where no voxel of this type of number can lie beyond the limit, they are averaged as they are and only
    then normalised: the same but for the last digits, and several times as fast. That is decided for each
    section, never for each tile, or two tilings of one image would give two results.

    Parameters
    ----------
    raw
        Voxels.
    mean, std
        (c, z, 1, 1), or (c, 1, 1, 1) for all sections.
    factors_zyx
        Voxels that are averaged into one along each axis.

    Examples
    --------
    >>> one = np.ones((1, 1, 1, 1), np.float32)
    >>> normalised(np.array([[[[1, 3, 255, 255]]]], np.uint8), one, one, (1, 1, 2)).tolist()
    [[[[1.0, 8.0]]]]
    """
    is_quick = _within_limit(raw.dtype, mean, std)
    if factors_zyx[0] > 1 and len(is_quick) > 1:  # sections of different statistics are averaged
        is_quick[:] = False
    if is_quick.all():
        values = mean_pooled(raw, factors_zyx)
        values -= mean
        values /= std
        return values
    if is_quick.any():
        _, by_y, by_x = factors_zyx
        values = np.empty((*raw.shape[:2], raw.shape[2] // by_y, raw.shape[3] // by_x), np.float32)
        for chosen in (is_quick, ~is_quick):
            part = raw[:, chosen], mean[:, chosen], std[:, chosen]
            values[:, chosen] = normalised(*part, factors_zyx)
        return values
    values = np.subtract(raw, mean, dtype=np.float32)
    values /= std
    if raw.dtype.kind == "f":
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)  # the mean grey value
    np.clip(values, -_LIMIT, _LIMIT, out=values)
    return mean_pooled(values, factors_zyx)


def _within_limit(dtype: np.dtype[Any], mean: Float32, std: Float32) -> NDArray[np.bool_]:
    """Tell for each section, or for all, whether no number of this type lies beyond the limit."""
    if dtype.kind == "f":
        return np.zeros(mean.shape[1], np.bool_)
    ends = np.iinfo(dtype)
    within: NDArray[np.bool_] = (mean - ends.min <= _LIMIT * std) & (ends.max - mean <= _LIMIT * std)
    return within.all(axis=(0, 2, 3))


def mean_pooled(values: NDArray[Any], factors_zyx: Sequence[int]) -> Float32:
    """Average blocks of ``factors_zyx`` voxels of (c, z, y, x), whose axes are multiples of them.

    Examples
    --------
    >>> mean_pooled(np.array([[[[1, 2, 3, 4]]]], np.uint8), (1, 1, 2)).tolist()
    [[[[1.5, 3.5]]]]
    """
    kind, number = values.dtype, prod(factors_zyx)
    # Whole numbers are added as such: in 16 bit as long as the sum cannot be larger.
    sums = {"u1": np.uint16 if number <= 257 else np.uint32, "u2": np.uint32}.get(kind.str[1:], np.float32)
    for axis, factor in enumerate(factors_zyx, start=1):
        if factor > 1:
            slices = [
                values[(slice(None),) * axis + (slice(first, None, factor),)] for first in range(factor)
            ]
            total = np.add(slices[0], slices[1], dtype=sums)
            for further in slices[2:]:
                total += further
            values = total
    pooled = values.astype(np.float32)
    if number > 1:
        pooled /= number
    return pooled


def _triple(values: Any) -> Triple:
    z, y, x = (int(v) for v in values)
    return z, y, x
