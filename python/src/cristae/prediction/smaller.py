"""Tiles, and what is done when the memory no longer suffices for them: each is computed in parts.

Another program may take the device's memory at any time. The tiles stay what they are, so that what is done
counts; what is left of them is computed in smaller ones, which give the same result.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any

from cristae.errors import OutOfMemory
from cristae.events import Event, Note
from cristae.geometry import Box, Tile, Triple
from cristae.memory import ran_out
from cristae.prediction.devices import give_back_memory
from cristae.prediction.ensemble import Answering, Seen
from cristae.prediction.fitting import fitting_tiling, tiles_of
from cristae.prediction.ledger import How
from cristae.prediction.tiling import Tiling


@dataclass(frozen=True)
class Piece:
    """What is computed at once: a tile, or a part of it.

    Parameters
    ----------
    number
        Of the tile.
    place, count
        Which part it is, from 0, and of how many.
    tile
        What it reads and writes.
    """

    number: int
    place: int
    count: int
    tile: Tile


class Tiles:
    """The tiles of a prediction, which may be cut into parts on the way.

    Parameters
    ----------
    predictor, frame
        On its device; the image, as the network sees it.
    cut
        The tiles.
    cut_to_zyx
        The shape of the parts that fit; None if the tiles do.
    on_event
        Told when the memory does not suffice.
    """

    def __init__(
        self,
        predictor: Answering,
        frame: Seen,
        cut: Tiling,
        cut_to_zyx: Triple | None,
        on_event: Callable[[Event], None],
    ) -> None:
        self._predictor, self._frame, self._on_event = predictor, frame, on_event
        self.cut, self.cut_to_zyx = cut, cut_to_zyx
        self._engine = "torch"

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.cut.tiles)

    def pieces(self, number: int) -> list[Piece]:
        """Return what a tile is computed in."""
        tile = self.cut.tiles[number]
        if self.cut_to_zyx is None:
            return [Piece(number, 0, 1, tile)]
        parts = tiles_of(self._predictor, self._frame, self.cut_to_zyx, tile.write_box).tiles
        return [Piece(number, place, len(parts), part) for place, part in enumerate(parts)]

    def settled(self, begun_with: str | None) -> str:
        """Decide what computes the tiles, and return its name; see :meth:`Predictor.settle`."""
        while True:
            first = self.pieces(0)[0].tile.read_box
            try:
                self._engine = self._settle(first, begun_with)
            except Exception as failure:
                if not ran_out(failure):
                    raise
            else:
                return self._engine
            self.cut_smaller(0)

    def runs(self, numbers: list[int]) -> Iterator[Iterator[Piece]]:
        """Yield the pieces of some tiles, in runs that are computed in one go."""
        pieces = (piece for number in numbers for piece in self.pieces(number))
        if self._engine != "openvino" or self.cut_to_zyx is None:
            yield pieces
            return
        # OpenVINO computes inputs of one shape, and parts at an end may be smaller.
        for _, alike in groupby(pieces, key=lambda piece: piece.tile.read_box.shape):
            run = list(alike)
            self._settle(run[0].tile.read_box, self._engine)
            yield iter(run)

    def cut_smaller(self, number: int) -> None:
        """Cut what is left into parts of at most half as many voxels; a tile that is left shows how.

        Raises
        ------
        OutOfMemory
            There are no smaller ones.
        """
        give_back_memory()
        before = self.cut_to_zyx or self.cut.tile_zyx
        part = self.cut.tiles[number].write_box
        smaller = tiles_of(self._predictor, self._frame, None, part, prod(before) // 2).tile_zyx
        if prod(smaller) >= prod(before):
            raise OutOfMemory(
                f"The device's memory does not suffice, not even for the smallest tiles of this model "
                f"({_told(before)} voxels). Close other programs that use it, or choose another device."
            )
        self.cut_to_zyx = smaller
        self._on_event(
            Note(
                f"The device's memory did not suffice for tiles of {_told(before)} voxels (z, y, x); from "
                f"here on they are computed in parts of {_told(smaller)}."
            )
        )

    def _settle(self, box: Box, begun_with: str | None) -> str:
        first: Callable[[], Any] = lambda: self._frame.read(box)  # noqa: E731 - of whichever it is
        return self._predictor.settle(first, self.count, begun_with)


def tiles_to_compute(
    predictor: Answering,
    frame: Seen,
    tile_shape_zyx: Triple | None,
    begun: How | None,
    grid_offset_zyx: Triple,
    part: Box | None,
    on_event: Callable[[Event], None],
) -> Tiles:
    """Cut a volume into the tiles of an earlier attempt, or into the best ones for the device.

    Parameters
    ----------
    predictor, frame, tile_shape_zyx, grid_offset_zyx, part, on_event
        As for :func:`~cristae.prediction.fitting.fitting_tiling`.
    begun
        What an earlier attempt chose.

    Raises
    ------
    OutOfMemory
        Not even the smallest tile fits.
    """
    if begun is not None and tile_shape_zyx is not None:
        asked = tiles_of(predictor, frame, tile_shape_zyx, part, grid_offset_zyx=grid_offset_zyx)
        begun = begun if asked.tile_zyx == begun.tile_zyx else None
    if begun is None:
        cut = fitting_tiling(predictor, frame, tile_shape_zyx, grid_offset_zyx, part, on_event)
        return Tiles(predictor, frame, cut, None, on_event)
    if begun.cut_to_zyx is None:
        try:
            cut = fitting_tiling(predictor, frame, begun.tile_zyx, grid_offset_zyx, part, on_event)
            return Tiles(predictor, frame, cut, None, on_event)
        except OutOfMemory:
            give_back_memory()
    # What did not fit is not tried again.
    cut = tiles_of(predictor, frame, begun.tile_zyx, part, grid_offset_zyx=grid_offset_zyx)
    tiles = Tiles(predictor, frame, cut, begun.cut_to_zyx, on_event)
    if tiles.cut_to_zyx is None:
        tiles.cut_smaller(0)
    return tiles


def _told(shape_zyx: Triple) -> str:
    return " x ".join(map(str, shape_zyx))
