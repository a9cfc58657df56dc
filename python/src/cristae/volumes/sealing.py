"""The last step of an upload or a result: read back every chunk, name the volume, write the metadata.

The digest is computed from what is on the disk, not from what once arrived: so sealing verifies every chunk,
and there is one way for uploads, resumed uploads and results.  Hashing takes all cores; the stream of blocks
before it stays free of it.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from pathlib import Path
from typing import Literal

from cristae.errors import CorruptData
from cristae.volumes.digest import block_digest, volume_digest
from cristae.volumes.durable import write_file
from cristae.volumes.ome import ARRAY, Sealed, array_document, group_document
from cristae.volumes.stored import ChunkFiles

type Pyramid = Literal["image", "labels"]

THREADS = min(8, os.cpu_count() or 1)
_BLOCKS_AT_ONCE = 8 * THREADS


class DamagedBlock(CorruptData):
    """A chunk in staging cannot be read back; `index` is its block."""

    def __init__(self, index: int, sentence: str) -> None:
        super().__init__(sentence)
        self.index = index


def digest_of(files: ChunkFiles) -> tuple[str, int]:
    """Return the digest of all blocks as they are on the disk, and the bytes of their files.

    Raises
    ------
    DamagedBlock
        A chunk is missing or damaged; the first one in order.
    """
    stored_bytes = 0

    def look(index: int) -> tuple[bytes, int]:
        try:
            body, _ = files.read_block(index)
            return block_digest(body), os.stat(files.path(index)).st_size  # noqa: PTH116
        except CorruptData as error:
            raise DamagedBlock(index, error.sentence) from error

    def block_digests() -> Iterator[bytes]:
        nonlocal stored_bytes
        with ThreadPoolExecutor(THREADS) as pool:
            for indices in batched(range(files.blocks.count), _BLOCKS_AT_ONCE):
                for digest, size in pool.map(look, indices):
                    stored_bytes += size
                    yield digest

    return volume_digest(files.spec, block_digests()), stored_bytes


def write_metadata(
    folder: Path, files: ChunkFiles, digest: str, stored_bytes: int, *, pyramid: Pyramid | None = None
) -> Sealed:
    """Write the documents that make the folder an OME-Zarr image; with `pyramid` its coarser levels too."""
    write_file(folder / ARRAY / "zarr.json", array_document(files.spec, files.chunk_format))
    levels = 1
    if pyramid is not None:
        from cristae.volumes.pyramid import write_pyramid  # it loads zarr, which a server does not need

        levels = write_pyramid(files, is_labels=pyramid == "labels")
    sealed = Sealed(files.spec, digest, time.time(), stored_bytes, levels)
    write_file(folder / "zarr.json", group_document(sealed))
    return sealed
