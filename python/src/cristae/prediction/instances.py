"""Objects: what the network says of the whole volume, then one id for each object."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.events import Event, Progress
from cristae.geometry import Box
from cristae.networks.memory import available_bytes
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
from cristae.prediction.predicting import predict_tiles
from cristae.prediction.predictor import Kind
from cristae.prediction.tiling import Triple
from cristae.volumes import ArrayImage, Image, StoredVolume, VolumeSpec, VolumeWriter
from cristae.volumes.durable import write_file_durably
from cristae.volumes.records import read_record
from cristae.volumes.scratch import ScratchVolume

# Of the whole work, by experience; only the progress bar depends on it.
SHARE_OF_THE_NETWORK = 0.9


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

    A model that was trained on instances finds them by the boundaries that it sees; one of classes gives the
    pieces of each class that hang together by faces. A volume of more than one block is held on disk
    meanwhile: memory grows with the number of objects only. Where the mask `inside` is 0 there are none.

    Parameters
    ----------
    predictor, image, tile_shape_zyx, grid_offset_zyx, inside, on_event, should_stop
        As for :func:`cristae.prediction.predict`.
    scratch
        A folder for what is held on disk. If the prediction ends before its end, what the network said stays
        there, and the same call goes on from it. It is removed when the objects are no longer needed. None
        takes a temporary one.
    source
        Names the content of image and mask; what another one left in the folder does not count.

    Yields
    ------
    Objects
        To be read before the end.

    Raises
    ------
    OutOfMemory
        Not even one block fits.
    """
    shape_zyx = image.shape_czyx[1:]
    is_trained_for_it = predictor.record["target"] == "instances"
    kind: Kind = "probabilities" if is_trained_for_it else "labels"
    channels = predictor.channels if is_trained_for_it else 1
    decoder: Decoder = Boundaries(image.voxel_size) if is_trained_for_it else Pieces()
    with _folder(scratch) as folder:
        on_disk = ScratchVolume(folder / "numbers", shape_zyx)
        blocks = blocks_of(shape_zyx, on_disk.block_zyx)
        check_memory(largest_read(blocks, shape_zyx, decoder.halo_zyx), available_bytes())
        said: Image

        def run(output: Any, ledger: Path | None) -> None:
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

        numbers: Numbers
        if len(blocks) == 1:
            held = InMemory((channels, *shape_zyx))
            run(held, None)
            said, numbers = ArrayImage(held.voxels, image.voxel_size), NumbersInMemory(shape_zyx)
        else:
            spec = VolumeSpec((channels, *shape_zyx), "uint8", image.voxel_size)
            work = {
                "source": source,
                "model": predictor.digest,
                "flips": predictor.flips,
                "kind": kind,
                "shape_czyx": list(spec.shape_czyx),
            }
            said, numbers = _said(folder, spec, work, run), on_disk
        yield decode(
            said,
            decoder,
            numbers,
            blocks,
            on_block=lambda done: on_event(
                Progress(
                    "Finding objects",
                    SHARE_OF_THE_NETWORK + (1 - SHARE_OF_THE_NETWORK) * done / len(blocks),
                    None,
                    f"block {done} of {len(blocks)}",
                )
            ),
            should_stop=should_stop,
        )


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
def _folder(scratch: Path | None) -> Iterator[Path]:
    """Lend the folder; it is removed at the end, and a given one is kept when the work did not end well."""
    if scratch is None:
        with tempfile.TemporaryDirectory(prefix="cristae-") as temporary:
            yield Path(temporary)
        return
    scratch.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(scratch / "numbers", ignore_errors=True)  # of an attempt that ended half-way
    yield scratch
    shutil.rmtree(scratch, ignore_errors=True)


def _said(
    folder: Path, spec: VolumeSpec, work: dict[str, Any], run: Callable[[Any, Path | None], None]
) -> StoredVolume:
    """Return what the network says of the volume, on disk: of an earlier attempt, or computed now."""
    sealed, note, staged, ledger = (folder / name for name in ("said", "said.json", "staged", "tiles.jsonl"))
    if sealed.exists() and note.exists() and read_record(note) == work:
        return StoredVolume(sealed)
    shutil.rmtree(sealed, ignore_errors=True)

    def publish(volume: Path, _digest: str) -> StoredVolume:
        volume.rename(sealed)
        return StoredVolume(sealed)

    resumed = (staged / "volume").exists()
    (staged / "volume").mkdir(parents=True, exist_ok=True)
    writer = VolumeWriter(staged, spec, publish, resumed=resumed)
    try:
        run(writer, ledger)
        write_file_durably(note, json.dumps(work).encode())
        return writer.seal()
    finally:
        writer.close()


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
