"""The layers of a model's network, and which of their voxels stand for a part of an image."""

from collections.abc import Sequence
from dataclasses import dataclass

from cristae.errors import InvalidInput
from cristae.geometry import Box


@dataclass(frozen=True)
class Layer:
    """A layer whose maps can be shown.

    Attributes
    ----------
    name
        As the weights are called: "encoder.0", and "encoder.0.first.0" for a part of it.
    kind
        What it is: "Conv3d", "ResidualBlock".
    maps
        How many maps it makes.
    reduction_zyx
        Voxels of the model's grid that one of its own stands for.
    """

    name: str
    kind: str
    maps: int
    reduction_zyx: tuple[int, int, int]

    def box(self, region: Box, shape_zyx: Sequence[int], grid_zyx: Sequence[int]) -> Box:
        """Return the voxels of the layer (z, y, x) that stand for a region of the image, whole ones.

        Parameters
        ----------
        region
            Voxels of the image (z, y, x).
        shape_zyx, grid_zyx
            The shape of the image, as it is and on the grid of the model; see
            :func:`cristae.models.grid.model_grid`.

        Raises
        ------
        InvalidInput
            The region reaches beyond the image.

        Examples
        --------
        >>> layer = Layer("encoder.1", "ResidualBlock", 6, (1, 4, 4))
        >>> str(layer.box(Box((1, 3, 4), (2, 5, 9)), (2, 10, 10), (2, 10, 10)))
        '[1:2, 0:2, 1:3]'
        >>> str(layer.box(Box((1, 3, 4), (2, 5, 9)), (2, 10, 10), (2, 20, 20)))  # of twice as fine a model
        '[1:2, 1:3, 2:5]'
        """
        if not Box.of_shape(shape_zyx).contains(region):
            size = " x ".join(map(str, shape_zyx))
            raise InvalidInput(f"The region {region} reaches beyond the image of {size} voxels.")
        sides = list(zip(shape_zyx, grid_zyx, self.reduction_zyx, strict=True))
        start = tuple(
            first * grid // side // step
            for first, (side, grid, step) in zip(region.start, sides, strict=True)
        )
        stop = tuple(
            -(-last * grid // (side * step))
            for last, (side, grid, step) in zip(region.stop, sides, strict=True)
        )
        return Box(start, stop)


def outermost(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that are no part of another one.

    Examples
    --------
    >>> names = ["encoder.0.first", "encoder.0", "encoder.01", "head"]
    >>> [layer.name for layer in outermost([Layer(name, "", 1, (1, 1, 1)) for name in names])]
    ['encoder.0', 'encoder.01', 'head']
    """
    names = {layer.name for layer in layers}
    return [
        layer
        for layer in layers
        if not any(layer.name[:end] in names for end, sign in enumerate(layer.name) if sign == ".")
    ]


def find_layer(layers: Sequence[Layer], name: str) -> Layer:
    """Return a layer by its name.

    Raises
    ------
    InvalidInput
        There is none. The sentence lists those that are no part of another one.
    """
    found = next((layer for layer in layers if layer.name == name), None)
    if found is None:
        names = ", ".join(layer.name for layer in outermost(layers))
        raise InvalidInput(
            f"The network has no layer '{name}'. It has {names}, and the parts of these, such as "
            f"{layers[0].name}."
            if layers
            else "The network of this model has no layers with maps to show."
        )
    return found
