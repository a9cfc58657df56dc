"""The tiles that a device takes, and of these the ones that are done soonest: tried and timed there."""

import time
from collections.abc import Callable
from math import prod
from typing import Any

from cristae.events import Event, Note
from cristae.geometry import Box, Triple
from cristae.prediction.devices import (
    MOST_VOXELS_ON_CPU,
    MOST_VOXELS_ON_QUICK_CPU,
    reading_of,
    smaller_until_it_fits,
    voxels_at_once,
)
from cristae.prediction.ensemble import Answering, Seen
from cristae.prediction.tiling import Tiling, tiling

_TIMED_VOXELS = 1 << 16
_PATIENCE_S = 5.0
"""Of a person who pressed Cancel: a tile that is larger than usual takes no longer."""


def fitting_tiling(
    predictor: Answering,
    frame: Seen,
    tile_shape_zyx: Triple | None,
    grid_offset_zyx: Triple,
    part: Box | None,
    on_event: Callable[[Event], None],
) -> Tiling:
    """Cut a volume, or a part of it, into the largest tiles that the device takes.

    The time for a voxel hardly depends on the tile, but a larger one computes fewer voxels twice, which in 3D
    are many. So a CPU that computes a whole volume quickly takes 3D tiles four times as large, as far as its
    memory goes; a part is one of several that may be computed here at once. On a GPU the tile is tried out,
    and made smaller if it does not fit.

    Parameters
    ----------
    predictor
        On its device.
    frame
        The image, as the network sees it.
    tile_shape_zyx
        Use this tile; None chooses it.
    grid_offset_zyx, part
        As for :func:`cristae.prediction.tiling.tiling`.
    on_event
        Told when the memory did not suffice.

    Raises
    ------
    OutOfMemory
        Not even the smallest tile fits.
    """
    device, downsample = predictor.device, prod(frame.preprocessing.downsample_zyx)

    def cut(most_voxels: int) -> Tiling:
        return tiles_of(predictor, frame, tile_shape_zyx, part, most_voxels, grid_offset_zyx)

    def attempt(most_voxels: int) -> Tiling:
        made = cut(most_voxels)
        if device.type == "cuda":
            _try_out(predictor, made.tile_zyx)
        return made

    most = voxels_at_once(predictor.config, device) * downsample
    is_alone = device.type == "cpu" and part is None
    if is_alone and predictor.config.dims == 3 and tile_shape_zyx is None and prod(frame.shape_zyx) > most:
        in_time = int(_PATIENCE_S * _pace(predictor, cut(_TIMED_VOXELS * downsample).tile_zyx) / downsample)
        larger = max(MOST_VOXELS_ON_CPU, min(in_time, MOST_VOXELS_ON_QUICK_CPU))
        most = voxels_at_once(predictor.config, device, larger) * downsample
    return smaller_until_it_fits(
        most,
        attempt,
        # A tile that is given cannot be made smaller here.
        least=prod(frame.step_zyx) if tile_shape_zyx is None else most,
        on_smaller=lambda voxels: on_event(
            Note(f"The memory of {device} did not suffice; trying tiles of at most {voxels} voxels.")
        ),
    )


def tiles_of(
    predictor: Answering,
    frame: Seen,
    tile_shape_zyx: Triple | None,
    part: Box | None,
    most_voxels: int = 0,
    grid_offset_zyx: Triple = (0, 0, 0),
) -> Tiling:
    """Cut a volume, or a part of it, into tiles without trying one; see :func:`fitting_tiling`.

    Parameters
    ----------
    predictor, frame, tile_shape_zyx, part, grid_offset_zyx
        As there.
    most_voxels
        Of a tile that is chosen here.
    """
    return tiling(
        frame.shape_zyx,
        frame.step_zyx,
        frame.halo_zyx(predictor.halo_zyx),
        most_voxels=most_voxels,
        tile_shape_zyx=tile_shape_zyx,
        grid_offset_zyx=grid_offset_zyx,
        part_zyx=part,
        reading=reading_of(frame.preprocessing, predictor.device),
    )


def _pace(predictor: Answering, tile_zyx: Triple) -> float:
    """Return how many voxels of the image a second the device computes, seen on a small tile."""
    seconds = 0.0
    for _ in range(2):  # the first one is slower
        start = time.perf_counter()
        _try_out(predictor, tile_zyx)
        seconds = time.perf_counter() - start
    return prod(tile_zyx) / max(seconds, 1e-9)


def _try_out(predictor: Answering, tile_zyx: Triple) -> None:
    """Run the network once on zeros of the shape of a tile: it runs out of memory here, or it never will."""
    blank: Any = predictor.blank(tile_zyx)
    predictor.predict(blank, "probabilities", Box.of_shape(tile_zyx))
