"""Objects: what the network says of the whole volume, then one id for each object."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import CorruptData
from cristae.events import Event, Progress
from cristae.geometry import Box
from cristae.memory import available_bytes
from cristae.models.answers import offsets_of
from cristae.prediction.affinity_decoding import Affinities, OnOtherGrid
from cristae.prediction.decoding import (
    Boundaries,
    Decoder,
    Numbers,
    NumbersInMemory,
    Objects,
    Pieces,
    blocks_of,
    check_memory,
    decode,
    largest_read,
)
from cristae.prediction.ensemble import Answering
from cristae.prediction.predicting import Output, form_of, predict_tiles
from cristae.prediction.predictor import Kind
from cristae.prediction.tiling import Triple
from cristae.prediction.voxel_sizes import on_model_grid
from cristae.volumes import ArrayImage, Image, StoredVolume, VolumeSpec, VolumeWriter
from cristae.volumes.durable import fsync_folder, fsync_tree, write_file_durably
from cristae.volumes.records import read_record
from cristae.volumes.scratch import ScratchVolume

# Of the whole work, by experience; only the progress bar depends on it.
SHARE_OF_THE_NETWORK = 0.9
NOTE, ANSWERS, NUMBERS, LEDGER = "work.json", "answers", "numbers", "tiles.jsonl"
"""What lies in the scratch folder: whose it is, what the network said, which numbers voxels have meanwhile,
and which tiles of the answers are finished."""


@contextmanager
def predicted_objects(
    predictor: Answering,
    image: Image,
    *,
    tile_shape_zyx: Triple | None = None,
    grid_offset_zyx: Triple = (0, 0, 0),
    inside: Image | None = None,
    scratch: Path | None = None,
    source: str = "",
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Objects]:
    """Predict the objects of an image, and lend them.

    A model that was trained on instances finds them by the boundaries or affinities that it sees; one of
    classes gives the pieces of each class that hang together by faces. A volume of more than one block is
    held on disk meanwhile: memory grows with the number of objects only. Where the mask `inside` is 0 there
    are none.

    Parameters
    ----------
    predictor, image, tile_shape_zyx, grid_offset_zyx, inside, on_event, should_stop
        As for :func:`cristae.prediction.predict`.
    scratch
        A folder for what is held on disk. It stays until the caller removes it: while the result is not safe,
        the same call goes on from what the network said. None takes a temporary one.
    source
        Names the content of image and mask; what another one left in the folder does not count.

    Yields
    ------
    Objects
        To be read before the end.

    Raises
    ------
    InvalidInput
        The model finds no objects.
    OutOfMemory
        Not even one block fits.
    """
    form_of(predictor.record, "instances")
    shape_zyx = image.shape_czyx[1:]
    is_trained_for_it = predictor.record["target"] == "instances"
    kind: Kind = "probabilities" if is_trained_for_it else "labels"
    channels = predictor.channels if is_trained_for_it else 1
    offsets, own_zyx = offsets_of(predictor.record), shape_zyx
    if offsets:  # which are in voxels of the model
        image = on_model_grid(image, predictor.record.get("voxel_size_nm"), predictor.config.dims, on_event)
        shape_zyx = image.shape_czyx[1:]
    decoder: Decoder = Pieces()
    if is_trained_for_it:
        size = image.voxel_size
        decoder = Affinities(offsets, size) if offsets else Boundaries(size)
    work = {
        "source": source,
        "model": predictor.digest,
        "flips": predictor.flips,
        "kind": kind,
        "shape_czyx": [channels, *shape_zyx],
        "voxel_size_nm": None if image.voxel_size is None else list(image.voxel_size.zyx_nm),
        "inside_zyx": None if inside is None else list(inside.shape_czyx[1:]),
        "offset_zyx": list(grid_offset_zyx),
    }
    with _folder(scratch, work) as folder:
        on_disk = ScratchVolume(folder / NUMBERS, shape_zyx)
        blocks = blocks_of(shape_zyx, on_disk.block_zyx, decoder.block_voxels)
        read_zyx = largest_read(blocks, shape_zyx, decoder.halo_zyx)
        check_memory(read_zyx, available_bytes(), decoder.bytes_a_voxel)

        def run(output: Output, ledger: Path | None) -> None:
            predict_tiles(
                predictor,
                image,
                output,
                kind=kind,
                tile_shape_zyx=tile_shape_zyx,
                grid_offset_zyx=grid_offset_zyx,
                inside=inside,
                ledger=ledger,
                source=source,
                on_event=_first(on_event),
                should_stop=should_stop,
            )

        said: Image
        numbers: Numbers
        if len(blocks) == 1:
            held = InMemory((channels, *shape_zyx))
            run(held, None)
            said, numbers = ArrayImage(held.voxels, image.voxel_size), NumbersInMemory(shape_zyx)
        else:
            spec = VolumeSpec((channels, *shape_zyx), "uint8", image.voxel_size)
            said, numbers = _said(folder, spec, run), on_disk
        with _thrown_away_if_damaged(folder):
            objects = decode(
                said,
                decoder,
                numbers,
                blocks,
                on_progress=lambda share, detail: on_event(
                    Progress(
                        "Finding objects",
                        SHARE_OF_THE_NETWORK + (1 - SHARE_OF_THE_NETWORK) * share,
                        None,
                        detail,
                    )
                ),
                should_stop=should_stop,
            )
        yield objects if shape_zyx == own_zyx else OnOtherGrid.of(objects, own_zyx)


def predict_objects(
    predictor: Answering,
    image: Image,
    **choices: Any,
) -> NDArray[np.uint32]:
    """Return the objects of an image in memory; see :func:`predicted_objects`.

    Returns
    -------
    numpy.ndarray
        (z, y, x), uint32: 0 is background, every object has an id from 1 on.
    """
    with predicted_objects(predictor, image, **choices) as objects:
        return objects.to_array()


@contextmanager
def _folder(scratch: Path | None, work: Mapping[str, Any]) -> Iterator[Path]:
    """Lend the folder, without what another work left there, or a temporary one."""
    if scratch is None:
        with tempfile.TemporaryDirectory(prefix="cristae-") as temporary:
            yield Path(temporary)
        return
    if not _is_of(scratch / NOTE, work):
        remove(scratch)
        scratch.mkdir(parents=True)
        write_file_durably(scratch / NOTE, json.dumps(work).encode())
    remove(scratch / NUMBERS)  # of an attempt that ended half-way
    yield scratch


def _is_of(note: Path, work: Mapping[str, Any]) -> bool:
    try:
        return bool(read_record(note) == work)
    except (CorruptData, OSError):
        return False


def remove(folder: Path) -> None:
    """Remove a folder if it is there; what stays would be taken for something else later."""
    if folder.exists():
        shutil.rmtree(folder)


def _said(folder: Path, spec: VolumeSpec, run: Callable[[Output, Path | None], None]) -> StoredVolume:
    """Return what the network says of the volume, on disk: of an earlier attempt, or computed now."""
    sealed, staged, ledger = folder / ANSWERS, folder / "staged", folder / LEDGER
    if sealed.exists():
        return StoredVolume(sealed)

    def publish(volume: Path, _digest: str) -> StoredVolume:
        fsync_tree(volume)
        volume.rename(sealed)
        fsync_folder(folder)
        return StoredVolume(sealed)

    resumed = (staged / "volume").exists()
    (staged / "volume").mkdir(parents=True, exist_ok=True)
    writer = VolumeWriter(staged, spec, publish, resumed=resumed)
    try:
        run(writer, ledger)
        return writer.seal()
    finally:
        writer.close()


@contextmanager
def _thrown_away_if_damaged(folder: Path) -> Iterator[None]:
    """See to it that answers that the disk has spoilt are computed anew by the next attempt."""
    try:
        yield
    except CorruptData:
        remove(folder)
        raise


def _first(on_event: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return what tells of the network's part of the work."""

    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            left_s = None if event.seconds_left is None else event.seconds_left / SHARE_OF_THE_NETWORK
            event = Progress(event.stage, event.fraction * SHARE_OF_THE_NETWORK, left_s, event.detail)
        on_event(event)

    return tell


class InMemory:
    """An output in memory, (c, z, y, x), uint8."""

    def __init__(self, shape_czyx: tuple[int, ...]) -> None:
        self.resumed = False
        self.voxels: NDArray[np.uint8] = np.zeros(shape_czyx, np.uint8)

    def write(self, box_zyx: Box, voxels: NDArray[Any]) -> None:
        """Keep the voxels of a box."""
        self.voxels[(slice(None), *box_zyx.slices)] = voxels

    def sync(self) -> None:
        """Do nothing: memory outlives no power cut."""
