"""Objects: what the network says of the whole volume, then one id for each object."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cristae.events import Event, Progress
from cristae.geometry import Box, Triple
from cristae.labels.objects import MERGE_BELOW
from cristae.memory import available_bytes
from cristae.models.answers import offsets_of
from cristae.prediction.affinity_decoding import Affinities, OnOtherGrid, refuse_on_other_grid
from cristae.prediction.answers import (
    LEDGER,
    UNITS,
    answers_folder,
    kept_answers,
    remove,
    thrown_away_if_damaged,
    work_of,
)
from cristae.prediction.decoders import Blobs, Boundaries, Decoder, Pieces
from cristae.prediction.decoding import (
    Objects,
    blocks_of,
    decode,
    largest_read,
    own_hands,
)
from cristae.prediction.ensemble import Answering
from cristae.prediction.fragments import Desk, DeskOnDisk, NumbersInMemory, check_memory
from cristae.prediction.inside import Wanted
from cristae.prediction.ledger import forget_other
from cristae.prediction.predicting import form_of, predict_tiles, refuse_to_split
from cristae.prediction.predictor import Kind
from cristae.prediction.running import Output
from cristae.prediction.voxel_sizes import on_model_grid
from cristae.volumes import ArrayImage, Image, VolumeSpec, VolumeWriter, VoxelSize
from cristae.volumes.run_mark import RunMark
from cristae.volumes.scratch import ScratchVolume

# Of the whole work, by experience; only the progress bar depends on it.
SHARE_OF_THE_NETWORK = 0.9
NUMBERS = "numbers"
"""In the folder of the answers: which numbers voxels have meanwhile."""


class Helpers(Protocol):
    """Several processes, which see the same files."""

    @property
    def at_once(self) -> int:
        """How many of them work in the memory of this machine; those elsewhere look at theirs."""

    def predict(
        self, kind: Kind, writer: VolumeWriter, folder: Path, on_event: Callable[[Event], None]
    ) -> None:
        """Have the network's answers of a kind written, as :func:`kept_answers` wants it."""

    def hands[Unit, Result](
        self, function: Callable[[Unit], Result], units: Sequence[tuple[int, Unit]]
    ) -> Iterator[tuple[int, Result]]:
        """Have something done for every unit; see :class:`~cristae.prediction.decoding.Hands`."""


def answers_for(record: Mapping[str, Any]) -> Kind:
    """Return which answers of a network its objects are found in.

    Examples
    --------
    >>> answers_for({"target": "classes"})
    'labels'
    """
    return "probabilities" if record["target"] == "instances" else "labels"


@contextmanager
def predicted_objects(
    predictor: Answering,
    image: Image,
    *,
    split_touching: bool = False,
    tile_shape_zyx: Triple | None = None,
    grid_offset_zyx: Triple = (0, 0, 0),
    inside: Wanted | None = None,
    scratch: Path | None = None,
    source: str = "",
    helpers: Helpers | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Objects]:
    """Predict the objects of an image, and lend them.

    A model that was trained on instances finds them by the boundaries or affinities that it sees; one of
    classes gives the pieces of each class that hang together by faces, or parts of them. A volume of more
    than one block is held on disk meanwhile: memory grows with the number of objects only. Where the mask
    `inside` is 0 there are none.

    Parameters
    ----------
    predictor, image, tile_shape_zyx, grid_offset_zyx, inside, on_event, should_stop
        As for :func:`cristae.prediction.predict`.
    split_touching
        Part the pieces of a class where they are narrow; see :mod:`cristae.labels.necks`.
    scratch
        A folder for what is held on disk. It stays until the caller removes it: while the result is not safe,
        the same call goes on from what the network said. None takes a temporary one.
    source
        Names the content of image and mask; what another one left in the folder does not count.
    helpers
        Who computes; by default this process. With them `scratch` lies where they see it.

    Yields
    ------
    Objects
        To be read before the end.

    Raises
    ------
    InvalidInput
        The model finds no objects, or not in this way.
    OutOfMemory
        Not even one block fits.
    """
    form_of(predictor.record, "instances")
    if split_touching:
        refuse_to_split(predictor.record, "instances")
    shape_zyx = image.shape_czyx[1:]
    kind = answers_for(predictor.record)
    is_trained_for_it = kind == "probabilities"
    channels = predictor.channels if is_trained_for_it else 1
    offsets, own_zyx = offsets_of(predictor.record), shape_zyx
    if offsets:  # which are in voxels of the model
        told: list[Event] = []
        seen = on_model_grid(image, predictor.record.get("voxel_size_nm"), predictor.config.dims, told.append)
        if seen is not image:
            refuse_on_other_grid(by_several=helpers is not None, masked=inside is not None)
            image, shape_zyx = seen, seen.shape_czyx[1:]
            on_event(told[0])
    seen_as = image.voxel_size or proportions_of(predictor.records)
    decoder: Decoder[Any] = Blobs(seen_as) if split_touching else Pieces()
    if offsets:
        decoder = Affinities(offsets, seen_as)
    elif is_trained_for_it:
        decoder = Boundaries(seen_as, merge_below_of(predictor.records))
    work = work_of(predictor, image, kind, channels, inside, source, grid_offset_zyx)
    if image.voxel_size is None and seen_as is not None:  # the same weights may lie in a record without it
        work["seen_as_zyx"] = list(seen_as.zyx_nm)
    with answers_folder(scratch, work) as folder:
        remove(folder / NUMBERS)  # of an attempt that ended half-way
        on_disk = ScratchVolume(folder / NUMBERS, shape_zyx)
        blocks = blocks_of(shape_zyx, on_disk.block_zyx, decoder.block_voxels)
        at_once = 1 if helpers is None else min(len(blocks), helpers.at_once)
        read_zyx = largest_read(blocks, shape_zyx, decoder.halo_zyx)
        check_memory(read_zyx, available_bytes(), at_once, decoder.bytes_a_voxel)

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

        def compute(writer: VolumeWriter, folder: Path) -> None:
            if helpers is not None:
                helpers.predict(kind, writer, folder, _first(on_event))
                return
            forget_other(folder / UNITS, on_event)
            run(writer, folder / LEDGER)

        mark = RunMark.new(folder / "decoding")
        desk: Desk | DeskOnDisk
        if len(blocks) == 1 and helpers is None:
            held = InMemory((channels, *shape_zyx))
            run(held, None)
            desk = Desk(ArrayImage(held.voxels, image.voxel_size), decoder, NumbersInMemory(shape_zyx))
        else:
            spec = VolumeSpec((channels, *shape_zyx), "uint8", image.voxel_size)
            said = kept_answers(folder, spec, compute)
            desk = DeskOnDisk(said.folder.absolute(), (folder / NUMBERS).absolute(), decoder, mark)
        on_event(Progress("Finding objects", SHARE_OF_THE_NETWORK))  # the first block may take minutes
        with mark.standing(), thrown_away_if_damaged(folder):
            objects = decode(
                desk,
                blocks,
                hands=own_hands(should_stop) if helpers is None else helpers.hands,
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


def merge_below_of(records: Sequence[Mapping[str, Any]]) -> float:
    """Return up to which boundary the objects of one or several models are joined.

    Each model has what was found when it was trained, older ones the usual limit; of several the lowest
    counts, because a person mends a split faster than a merge.

    Examples
    --------
    >>> merge_below_of([{"decoder": {"merge_below": 0.4}}, {}])
    0.2
    """
    decoders = [record.get("decoder") or {} for record in records]
    return min(float(decoder.get("merge_below", MERGE_BELOW)) for decoder in decoders)


def proportions_of(records: Sequence[Mapping[str, Any]]) -> VoxelSize | None:
    """Return the proportions of a voxel to find objects with, where the image does not tell its voxel size.

    They are those that the objects were learned with: the voxel size of the model or, if it was not known
    either, the proportions that its training estimated. Only what finds objects may go by the latter: as
    lengths they mean nothing. Of several models the first that has some counts; older ones have none.

    Examples
    --------
    >>> proportions_of([{"voxel_size_nm": [50.0, 5.0, 5.0]}]).zyx_nm
    (50.0, 5.0, 5.0)
    >>> proportions_of([{}, {"estimated_proportions_zyx": [8.0, 1.0, 1.0]}]).zyx_nm
    (8.0, 1.0, 1.0)
    """
    told = ("voxel_size_nm", "estimated_proportions_zyx")
    sizes = (record[name] for name in told for record in records if record.get(name) is not None)
    found = next(sizes, None)
    return None if found is None else VoxelSize(*found)


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
