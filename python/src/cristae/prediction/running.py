"""The three stages of one prediction, tile by tile, as far as the memory goes."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cristae.events import Event, Progress
from cristae.geometry import Box, Tile
from cristae.memory import ran_out
from cristae.networks import broken_in
from cristae.prediction.empty import EmptyTiles
from cristae.prediction.ensemble import Answering, Seen
from cristae.prediction.inside import Inside, InsideBox
from cristae.prediction.ledger import Ledger
from cristae.prediction.pipeline import run_pipeline
from cristae.prediction.predictor import Kind
from cristae.prediction.resampling import box_of_image, brought_back, slabs_of
from cristae.prediction.smaller import Piece, Tiles
from cristae.volumes import Image

TELL_EVERY_S = 0.25

_MOST_VOXELS = 1 << 26
"""Of the image at once, where its voxels are finer than the model's: the tile was chosen for the model's."""


class Output(Protocol):
    """Where a result goes; every :class:`cristae.volumes.Output` is one."""

    @property
    def resumed(self) -> bool:
        """Whether it still holds what an earlier attempt wrote."""

    def write(self, box_zyx: Box, voxels: NDArray[Any]) -> None:
        """Write the voxels (c, z, y, x) of a box."""

    def sync(self) -> None:
        """Wait until what was written is safe against a power cut."""


class Run:
    """The three stages of one prediction, and what they tell.

    Parameters
    ----------
    predictor, frame, image, inside, output, kind, on_event, part
        As for :func:`cristae.prediction.predict_tiles`, with the image also as the network sees it.
    ledger
        Notes finished tiles.
    tile_count, channels
        How many tiles there are, and of how many channels the result.

    Attributes
    ----------
    finished
        The numbers of the tiles that are in the output.
    empty
        Tiles of one grey value.
    outside
        How many tiles lie outside of the mask.
    """

    def __init__(
        self,
        predictor: Answering,
        frame: Seen,
        image: Image,
        inside: Inside | InsideBox | None,
        output: Output,
        kind: Kind,
        ledger: Ledger,
        tile_count: int,
        channels: int,
        on_event: Callable[[Event], None],
        part: Box | None,
    ) -> None:
        self._part = part
        self._predictor, self._frame, self._image, self._output = predictor, frame, image, output
        self._inside, self._kind, self._ledger, self._on_event = inside, kind, ledger, on_event
        self._count, self._before = tile_count, len(ledger.done)
        self._written = 0.0  # tiles
        self._started_s = self._told_s = time.monotonic()
        self._may_be_bad = image.dtype.kind == "f"
        self._bad_of: dict[tuple[int, int], int] = {}
        self._inside_of: set[int] = set()
        self.finished = set(ledger.done)
        self.empty = EmptyTiles()
        self.outside = 0
        self._channels = channels

    @property
    def bad_voxels(self) -> int:
        """How many voxels of the image are no numbers, with those of tiles that earlier attempts finished."""
        return self._ledger.bad_voxels + sum(self._bad_of.values())

    def _boxes(self, tile: Tile) -> Iterator[Box]:
        """Yield the voxels of the image that a tile decides, some at a time if they are very many."""
        seen, there = self._frame.shape_zyx, self._image.shape_czyx[1:]
        box = box_of_image(tile.write_box, seen, there)
        if box is not None and self._part is not None:
            box = box.intersection(self._part)
        if box is not None:
            yield from [box] if seen == there else slabs_of(box, _MOST_VOXELS // self._channels)

    @property
    def left(self) -> list[int]:
        """The numbers of the tiles that are not finished."""
        return [number for number in range(self._count) if number not in self.finished]

    def begin(self) -> None:
        """Forget what was done of tiles that are not finished: they are computed from their beginning."""
        self._bad_of = {key: bad for key, bad in self._bad_of.items() if key[0] in self.finished}
        self._inside_of.clear()
        self._written = float(len(self.finished) - self._before)

    def read(self, piece: Piece) -> Any:
        """Return the input of a tile; None if no voxel of it lies inside."""
        inside = self._inside
        if inside is not None and all(inside.of(box) is None for box in self._boxes(piece.tile)):
            return None
        if self._may_be_bad:
            bad = sum(broken_in(self._image.read(box)) for box in self._boxes(piece.tile))
            if bad:
                self._bad_of[piece.number, piece.place] = bad
        return self._frame.read(piece.tile.read_box)

    def compute(self, piece: Piece, prepared: Any) -> NDArray[np.uint8] | None:
        """Return the answer to an input; None if there is none."""
        if prepared is None:
            return None
        whole, wanted = Box.of_shape(piece.tile.read_box.shape), piece.tile.write_in_read
        return self.empty.answer(
            prepared, whole, wanted, lambda part: self._predictor.predict(prepared, self._kind, part)
        )

    def write(self, piece: Piece, result: NDArray[np.uint8] | None) -> None:
        """Write an answer, and note the tile when that was the last part of it."""
        if result is None:
            for box in self._boxes(piece.tile):
                self._output.write(box, np.zeros((self._channels, *box.shape), np.uint8))
        else:
            self._inside_of.add(piece.number)
            self._write_result(piece.tile, result)
        self._written += 1 / piece.count
        if piece.place == piece.count - 1:
            self._finish(piece)
        self._tell()

    def _finish(self, last: Piece) -> None:
        number = last.number
        if number not in self._inside_of:
            self.outside += 1
        if self._ledger.is_kept:
            self._output.sync()  # before the note: after a power cut it must not vouch for what is not there
            bad = sum(self._bad_of.get((number, place), 0) for place in range(last.count))
            self._ledger.note(number, bad)
        self.finished.add(number)
        self._inside_of.discard(number)  # a large volume has very many
        self._written = float(len(self.finished) - self._before)

    def _write_result(self, tile: Tile, result: NDArray[np.uint8]) -> None:
        grids = self._frame.shape_zyx, self._image.shape_czyx[1:]
        for box in self._boxes(tile):
            voxels = brought_back(result, tile.write_box, *grids, box)
            if self._inside is not None:
                inside = self._inside.of(box)
                voxels = np.zeros_like(voxels) if inside is None else voxels * inside
            self._output.write(box, voxels)

    def _tell(self) -> None:
        done, now_s = self._before + self._written, time.monotonic()
        if done < self._count and now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s = now_s
        left_s = (now_s - self._started_s) / self._written * (self._count - done)
        detail = f"tile {int(done)} of {self._count}"
        self._on_event(Progress("Predicting", min(1.0, done / self._count), left_s, detail))


def compute_tiles(
    run: Run, tiles: Tiles, ledger: Ledger, should_stop: Callable[[], bool], readers: int
) -> None:
    """Compute all tiles that are not finished; in ever smaller parts if the memory does not suffice.

    Parameters
    ----------
    run, tiles
        The stages, and what goes through them.
    ledger
        Notes which parts fit.
    should_stop
        Asked before every part.
    readers
        How many threads read.

    Raises
    ------
    Cancelled
        `should_stop` said so.
    OutOfMemory
        Not even the smallest tile fits.
    """
    while left := run.left:
        if tiles.cut_to_zyx is not None and tiles.cut_to_zyx != ledger.cut_to_zyx:
            ledger.note_cut(tiles.cut_to_zyx)
        if _all_computed(run, tiles, left, should_stop, readers):
            return
        # Behind the handler, so that the traceback no longer holds the tensors of what failed.
        tiles.cut_smaller(run.left[0])


def _all_computed(
    run: Run, tiles: Tiles, numbers: list[int], should_stop: Callable[[], bool], readers: int
) -> bool:
    """Compute tiles; return False if the memory did not suffice."""
    run.begin()
    try:
        for pieces in tiles.runs(numbers):
            run_pipeline(
                pieces,
                read=run.read,
                compute=run.compute,
                write=run.write,
                should_stop=should_stop,
                readers=readers,
            )
    except Exception as failure:
        if not ran_out(failure):
            raise
        return False
    return True
