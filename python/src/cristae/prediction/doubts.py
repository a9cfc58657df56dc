"""What is doubtful about an image and its mask, told before anything is computed."""

from collections.abc import Callable

from cristae.errors import InvalidInput
from cristae.events import Event, Note
from cristae.labels import slabs
from cristae.labels.scan import SLAB_VOXELS
from cristae.labels.swapped import labels_told
from cristae.networks import broken_in
from cristae.prediction.ensemble import Answering, Seen
from cristae.prediction.inside import Inside, InsideBox, Wanted, inside_of
from cristae.prediction.voxel_sizes import on_model_grid
from cristae.volumes import Image

type LookedAt = tuple[Inside | InsideBox | None, Seen]
"""A mask over an image, and the image as the network sees it, with the grey values that were measured."""


def tell_doubts(
    predictor: Answering,
    image: Image,
    inside: Wanted | None,
    on_event: Callable[[Event], None],
    *,
    is_part: bool = False,
) -> LookedAt:
    """Tell what is doubtful about image and mask; return the mask, and the image as the network sees it.

    Of a part, image and mask as a whole were looked at before.
    """
    if not is_part:
        _refuse_without_numbers(image)
        told = labels_told(image)
        if told is not None:
            on_event(Note(told, is_warning=True))
    within = None if inside is None else inside_of(inside, image.shape_czyx[1:], image.voxel_size)
    if within is not None and within.note is not None:
        on_event(Note(within.note))
    if within is not None and not is_part and within.is_empty():
        on_event(Note("The mask is 0 everywhere: the result is empty.", is_warning=True))
    seen = on_model_grid(image, predictor.record.get("voxel_size_nm"), predictor.config.dims, on_event)
    frame = predictor.frame(seen)
    for doubt in (predictor.doubt(), frame.doubt()):
        if doubt is not None:
            on_event(Note(doubt, is_warning=True))
    return within, frame


def _refuse_without_numbers(image: Image) -> None:
    """Refuse an image in which every voxel is NaN or infinite; what is fine ends this with its first slab."""
    if image.dtype.kind != "f":
        return
    for box in slabs(image.shape_czyx[1:], voxels=SLAB_VOXELS // image.shape_czyx[0]):
        voxels = image.read(box)
        if broken_in(voxels) < voxels.size:
            return
    raise InvalidInput(
        "No voxel of the image is a number: all are NaN or infinite, so there is nothing to predict. Look at "
        "the image, or save it anew."
    )
