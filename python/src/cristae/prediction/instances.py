"""Objects: the probabilities of the whole volume, then one id for each object."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import OutOfMemory
from cristae.events import Event, Progress
from cristae.geometry import Box
from cristae.labels import objects_from
from cristae.memory import available_bytes
from cristae.prediction.ensemble import Answering
from cristae.prediction.predicting import predict_tiles
from cristae.prediction.tiling import Triple
from cristae.volumes import Image

# Two probabilities as floats take 8; distances, seeds, ids and what the watershed keeps were measured as 50
# to 78 more. What does not fit ends the program without a word, so that this is rather too much.
BYTES_A_VOXEL = 96
# Of the whole work, by experience; only the progress bar depends on it.
SHARE_OF_THE_NETWORK = 0.9
INTERIOR, BOUNDARY = 1, 2


def predict_objects(
    predictor: Answering,
    image: Image,
    *,
    tile_shape_zyx: Triple | None = None,
    grid_offset_zyx: Triple = (0, 0, 0),
    inside: Image | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.uint32]:
    """Predict the objects of an image with a model that was trained on instances.

    The whole volume is held in memory, about 96 bytes a voxel; that they fit is checked before anything is
    computed. Where the mask `inside` is 0 there are no objects.

    Returns
    -------
    numpy.ndarray
        (z, y, x), uint32: 0 is background, every object has an id from 1 on.

    Raises
    ------
    OutOfMemory
        The volume is too large for this machine.
    """
    shape_zyx = image.shape_czyx[1:]
    check_memory(shape_zyx, available_bytes())
    probabilities = InMemory((predictor.channels, *shape_zyx))

    def show(event: Event) -> None:
        if isinstance(event, Progress):
            left_s = None if event.seconds_left is None else event.seconds_left / SHARE_OF_THE_NETWORK
            event = Progress(event.stage, event.fraction * SHARE_OF_THE_NETWORK, left_s, event.detail)
        on_event(event)

    predict_tiles(
        predictor,
        image,
        probabilities,
        kind="probabilities",
        tile_shape_zyx=tile_shape_zyx,
        grid_offset_zyx=grid_offset_zyx,
        inside=inside,
        on_event=show,
        should_stop=should_stop,
    )
    on_event(Progress("Finding objects", SHARE_OF_THE_NETWORK))
    interior, boundary = (probabilities.voxels[channel] / np.float32(255) for channel in (INTERIOR, BOUNDARY))
    del probabilities  # the most memory is needed below
    return objects_from(interior, boundary, image.voxel_size)


def check_memory(shape_zyx: tuple[int, ...], available: int) -> None:
    """Refuse a volume whose objects cannot be found in the memory that is available.

    Examples
    --------
    >>> check_memory((50, 100, 200), 2**30)
    """
    voxels = int(np.prod(shape_zyx, dtype=np.int64))
    if voxels * BYTES_A_VOXEL > available:
        gib = 2**30
        raise OutOfMemory(
            f"Finding the objects of {' x '.join(map(str, shape_zyx))} voxels takes about "
            f"{voxels * BYTES_A_VOXEL / gib:.1f} GiB of memory, and {available / gib:.1f} GiB are free. "
            "Predict labels or probabilities instead (they take any size), or cut the volume into parts."
        )


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
