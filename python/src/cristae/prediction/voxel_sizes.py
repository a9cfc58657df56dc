"""An image seen at the voxel size of the model: what a person is told of that, and when it is refused."""

from collections.abc import Callable, Sequence

from cristae.errors import InvalidInput
from cristae.events import Event, Note
from cristae.models.grid import model_grid, scales
from cristae.prediction.resampling import ResampledImage
from cristae.volumes import Image

DOUBTFUL, ABSURD = 4.0, 16.0
"""Times as large along an axis: beyond the first a person is warned, beyond the second it is refused."""


def on_model_grid(
    image: Image, model_nm: Sequence[float] | None, dims: int, on_event: Callable[[Event], None]
) -> Image:
    """Return the image as it is, or resampled to the voxel size of the model.

    Parameters
    ----------
    image
        With its voxel size, if known.
    model_nm
        Sides (z, y, x) of the voxels that the model was trained on, in nanometres, if known.
    dims
        Of the network: one of two dimensions works on the sections that there are.
    on_event
        Is told in a note what is done, in a warning if that is doubtful.

    Raises
    ------
    InvalidInput
        The voxel sizes differ so much that one of them is surely wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from cristae.volumes import ArrayImage, VoxelSize
    >>> image = ArrayImage(np.zeros((2, 40, 40), np.uint8), VoxelSize(50, 4, 4))
    >>> on_model_grid(image, (50, 8, 8), 2, lambda note: print(note.sentence)).shape_czyx
    The image has voxels of 50 x 4 x 4 nm (z, y, x), the model was trained on 50 x 8 x 8 nm: the image is \
resampled for the network, and the result brought back.
    (1, 2, 20, 20)
    """
    if image.voxel_size is None or model_nm is None:
        on_event(_unknown_told(image, model_nm))
        return image
    shape_zyx = image.shape_czyx[1:]
    ratios = scales(shape_zyx, image.voxel_size, model_nm, dims=dims)
    largest = max(max(ratio, 1 / ratio) for ratio in ratios)
    if largest == 1:
        return image
    sizes = f"The image has voxels of {_nm(image.voxel_size.zyx_nm)} (z, y, x), the model was trained on "
    sizes += _nm(model_nm)
    grid_zyx = model_grid(shape_zyx, image.voxel_size, model_nm, dims=dims)
    to = " x ".join(map(str, grid_zyx))
    same = "voxel-size=" + ",".join(f"{side:g}" for side in model_nm)
    if largest > ABSURD:
        raise InvalidInput(
            f"{sizes}: resampled, the image would be {to} voxels. One of the two is surely wrong, such as a "
            f"program's default. Give the right voxel size of the image (voxel-size=Z,Y,X), or, if it is the "
            f"model's that is wrong, {same}: then the image is taken as it is."
        )
    if largest > DOUBTFUL:
        on_event(
            Note(
                f"{sizes}: the image is resampled to {to} voxels for the network, which may be wrong. If the "
                "voxel size of the image is not right, give another one (voxel-size=Z,Y,X).",
                is_warning=True,
            )
        )
    else:
        on_event(Note(f"{sizes}: the image is resampled for the network, and the result brought back."))
    return ResampledImage(image, grid_zyx)


def _unknown_told(image: Image, model_nm: Sequence[float] | None) -> Note:
    if model_nm is not None:
        told = f"The image does not say its voxel size; it is taken for that of the model, {_nm(model_nm)}"
        return Note(f"{told} (z, y, x).", is_warning=True)
    return Note(
        "The voxel size that the model was trained on is not known: the image is taken as it is, and its "
        "objects should be about as many voxels large as those of the training."
    )


def _nm(zyx_nm: Sequence[float]) -> str:
    return " x ".join(f"{side:g}" for side in zyx_nm) + " nm"
