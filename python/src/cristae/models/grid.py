"""The grid on which a model sees an image: voxels of the size that it was trained on."""

from collections.abc import Sequence

from cristae.geometry import Triple
from cristae.volumes import VoxelSize

# Up to this difference of a voxel's side the network is used as it is: training augments the scale by more.
TOLERANCE = 0.1


def model_grid(
    shape_zyx: Sequence[int],
    image_nm: VoxelSize | None,
    model_nm: Sequence[float] | None,
    *,
    dims: int,
) -> Triple:
    """Return the shape of an image on the grid of the model.

    A side of the voxels that differs by at most 10 % counts as the same. A network of two dimensions works
    on the sections that there are: sections in between would be blends that it has never seen.

    Examples
    --------
    >>> model_grid((10, 100, 100), VoxelSize(50, 4.6, 4.6), (25, 9.2, 9.2), dims=3)
    (20, 50, 50)
    >>> model_grid((10, 100, 100), VoxelSize(50, 4.6, 4.6), (25, 9.2, 9.2), dims=2)
    (10, 50, 50)
    >>> model_grid((10, 100, 100), None, (50, 9.2, 9.2), dims=3)
    (10, 100, 100)
    """
    if image_nm is None or model_nm is None:
        z, y, x = shape_zyx
    else:
        ratios = scales(shape_zyx, image_nm, model_nm, dims=dims)
        z, y, x = (max(1, round(length * ratio)) for length, ratio in zip(shape_zyx, ratios, strict=True))
    return z, y, x


def scales(
    shape_zyx: Sequence[int], image_nm: VoxelSize, model_nm: Sequence[float], *, dims: int
) -> tuple[float, float, float]:
    """Return how many voxels of the model one of the image makes along z, y and x; 1 where it stays as it is.

    Examples
    --------
    >>> scales((10, 100, 1), VoxelSize(50, 4.6, 9.2), (25, 9.2, 4.6), dims=3)
    (2.0, 0.5, 1.0)
    """
    ratios = [have / want for have, want in zip(image_nm.zyx_nm, model_nm, strict=True)]
    z, y, x = (
        1.0 if max(ratio, 1 / ratio) <= 1 + TOLERANCE or length == 1 else ratio
        for length, ratio in zip(shape_zyx, ratios, strict=True)
    )
    return (z if dims == 3 else 1.0), y, x
