"""The coarser levels of an OME-Zarr image, made of the finest one when it is finished."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import batched
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from cristae.geometry import Box, Triple
from cristae.volumes import chunks
from cristae.volumes.chunks import ChunkFormat
from cristae.volumes.durable import write_file
from cristae.volumes.image import Voxels
from cristae.volumes.levels import levels_of
from cristae.volumes.ome import array_document
from cristae.volumes.sealing import THREADS
from cristae.volumes.stored import ChunkFiles


def write_pyramid(files: ChunkFiles, *, is_labels: bool) -> int:
    """Write the levels below a whole image, block by block, and return how many levels there are then.

    Parameters
    ----------
    files
        The finest level, with every block and its array document.
    is_labels
        Whether voxels are numbers of classes or objects; see :func:`reduced`.
    """
    levels = levels_of(files.spec)
    for number, level in enumerate(levels, 1):
        finer = zarr.open_array(files.folder / str(number - 1), mode="r")
        coarser = ChunkFiles(files.folder, level.spec, ChunkFormat.ZSTD, str(number))
        write = partial(_write_block, finer, coarser, level.factor_zyx, is_labels)
        with ThreadPoolExecutor(THREADS) as pool:
            for indices in batched(range(coarser.blocks.count), THREADS):
                list(pool.map(write, indices))
        document = array_document(level.spec, ChunkFormat.ZSTD)
        write_file(files.folder / str(number) / "zarr.json", document)
    return 1 + len(levels)


def _write_block(
    finer: zarr.Array[Any], coarser: ChunkFiles, factor_zyx: Triple, is_labels: bool, index: int
) -> None:
    wanted = _finer(coarser.blocks.box(index), factor_zyx).clipped(Box.of_shape(finer.shape))
    block = reduced(np.asarray(finer[wanted.slices]), factor_zyx, is_labels=is_labels)
    path = Path(coarser.path(index))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, *chunks.encode(coarser.spec, block, ChunkFormat.ZSTD))


def reduced(voxels: Voxels, factor_zyx: Triple, *, is_labels: bool) -> Voxels:
    """Take so many voxels together along each axis.

    Parameters
    ----------
    voxels
        (c, z, y, x), of any number type; at its end it is thought of as going on as it ends.
    factor_zyx
        1 or 2 along each axis.
    is_labels
        Whether the most frequent value is taken (of several the first in the order z, y, x), not the mean.

    Examples
    --------
    >>> image = np.array([[[[1, 1, 5], [2, 9, 5]]]], np.uint8)
    >>> reduced(image, (1, 2, 2), is_labels=True)
    array([[[[1, 5]]]], dtype=uint8)
    >>> reduced(image, (1, 2, 2), is_labels=False)
    array([[[[3, 5]]]], dtype=uint8)
    """
    over = [(0, 0), *((0, -side % by) for side, by in zip(voxels.shape[1:], factor_zyx, strict=True))]
    whole = np.pad(voxels, over, mode="edge")
    c, *sides = whole.shape
    split: list[int] = [c]
    for side, by in zip(sides, factor_zyx, strict=True):
        split += [side // by, by]
    together = whole.reshape(split).transpose(0, 1, 3, 5, 2, 4, 6)
    members = together.reshape(*together.shape[:4], -1)
    if is_labels:
        return _most_frequent(members)
    mean = members.mean(axis=-1, dtype=np.float32 if voxels.dtype.itemsize < 3 else np.float64)
    return (mean if voxels.dtype.kind == "f" else np.rint(mean)).astype(voxels.dtype)


def _most_frequent(members: NDArray[np.integer]) -> Voxels:
    """Return the most frequent value along the last axis; of several the first."""
    first = members[..., 0]
    if (members == first[..., None]).all():  # as in most blocks of labels
        return first
    counts = np.stack(
        [
            (members == members[..., one, None]).sum(axis=-1, dtype=np.uint8)
            for one in range(members.shape[-1])
        ],
        axis=-1,
    )
    return np.take_along_axis(members, counts.argmax(axis=-1)[..., None], axis=-1)[..., 0]


def _finer(box_czyx: Box, factor_zyx: Triple) -> Box:
    by = (1, *factor_zyx)
    return Box(
        tuple(first * f for first, f in zip(box_czyx.start, by, strict=True)),
        tuple(last * f for last, f in zip(box_czyx.stop, by, strict=True)),
    )
