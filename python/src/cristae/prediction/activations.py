"""What the layers of a network answer, map by map: to see what it looks at.

A part of an image is enough. It is read with the context that the network needs, in pieces that the device
takes, so that the maps are those of a run over the whole image.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from cristae.errors import Cancelled
from cristae.events import Event, Note, Progress
from cristae.geometry import Box, Triple
from cristae.models.layers import Layer, find_layer
from cristae.networks import Frame, broken_in, broken_told
from cristae.prediction.devices import smaller_until_it_fits, voxels_at_once
from cristae.prediction.predictor import Model, Predictor, load_predictor
from cristae.prediction.resampling import box_of_image
from cristae.prediction.running import Output
from cristae.prediction.voxel_sizes import on_model_grid
from cristae.volumes import Image, VoxelSize


class Activations:
    """The layers of a model, and what they make of a part of an image.

    Parameters
    ----------
    model
        A package of the library.
    image
        With the channels that the model was trained on; seen on the model's grid.
    device
        "auto", "cpu", "cuda:0".
    on_event
        Gets progress and notes.

    Attributes
    ----------
    layers
        In the order in which they compute.
    """

    def __init__(
        self,
        model: Model,
        image: Image,
        device: str = "auto",
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._predictor = load_predictor(model, device, folded=False)
        self._tell = on_event
        self._source, self._shape = image, image.shape_czyx[1:]
        voxel_nm, dims = model.record.get("voxel_size_nm"), self._predictor.config.dims
        self._image = on_model_grid(image, voxel_nm, dims, on_event)
        self._frame: Frame = self._predictor.frame(self._image)
        self.layers = layers_of(self._predictor)

    def layer(self, name: str) -> Layer:
        """Return a layer by its name.

        Raises
        ------
        InvalidInput
            There is none; the sentence lists names.
        """
        return find_layer(self.layers, name)

    def box(self, layer: Layer, region: Box) -> Box:
        """Return the voxels of the layer (z, y, x) that stand for a region of the image, whole ones.

        Raises
        ------
        InvalidInput
            The region reaches beyond the image.
        """
        return layer.box(region, self._shape, self._frame.shape_zyx)

    def voxel_size(self, layer: Layer) -> VoxelSize | None:
        """Return the size of a voxel of the layer; None if that of the image is not known."""
        size = self._image.voxel_size
        if size is None:
            return None
        z, y, x = (side * step for side, step in zip(size.zyx_nm, layer.reduction_zyx, strict=True))
        return VoxelSize(z, y, x, size.display_unit)

    def write(
        self, layer: Layer, region: Box, output: Output, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Write the maps of a layer.

        Parameters
        ----------
        layer
            One of :attr:`layers`.
        region
            Voxels of the image (z, y, x).
        output
            float32, with a channel for each map, of the shape of :meth:`box`.
        should_stop
            Asked before every piece.

        Raises
        ------
        Cancelled
            `should_stop` said so.
        OutOfMemory
            Not even the smallest piece fits on the device.
        """
        for doubt in (self._predictor.doubt(), self._frame.doubt()):
            if doubt is not None:
                self._tell(Note(doubt, is_warning=True))
        wanted = self.box(layer, region)
        whole = Box(
            tuple(s * r // c * c for s, r, c in self._axes(wanted.start, layer)),
            tuple(-(-s * r // c) * c for s, r, c in self._axes(wanted.stop, layer)),
        )
        done: list[Box] = []
        written = broken = 0

        def attempt(most: int) -> None:
            nonlocal written, broken
            before = tuple(done)
            for piece in _pieces(whole, self._frame.step_zyx, lambda box: self._read_box(box).size, most):
                if any(box.contains(piece) for box in before):
                    continue
                if should_stop():
                    raise Cancelled("Ended before the maps were complete; nothing was written.")
                self._write_piece(layer, piece, wanted, output)
                done.append(piece)
                written += piece.size
                broken += self._broken_in(piece, region)
                self._tell(Progress("Looking", written / whole.size, None, layer.name))

        device = self._predictor.device
        smaller_until_it_fits(
            voxels_at_once(self._predictor.config, device) * prod(self._frame.preprocessing.downsample_zyx),
            attempt,
            least=prod(self._frame.step_zyx),
            on_smaller=lambda voxels: self._tell(
                Note(f"The memory of {device} did not suffice; trying pieces of at most {voxels} voxels.")
            ),
        )
        if broken:
            self._tell(Note(broken_told(broken), is_warning=True))

    def _broken_in(self, piece: Box, region: Box) -> int:
        """Count the voxels of a piece, of the region that was asked for, that are no numbers."""
        box = box_of_image(piece, self._frame.shape_zyx, self._shape)
        part = None if box is None else box.intersection(region)
        if part is None or self._source.dtype.kind != "f":
            return 0
        return broken_in(self._source.read(part))

    def _read_box(self, piece: Box) -> Box:
        """Return a piece with the context that the network needs."""
        halo = self._frame.halo_zyx(self._predictor.halo_zyx)
        return piece.grown(halo).clipped(Box.of_shape(self._frame.padded_shape_zyx))

    def _write_piece(self, layer: Layer, piece: Box, wanted: Box, output: Output) -> None:
        """Write what of a piece, in voxels of the image, is wanted, in voxels of the layer."""
        read = self._read_box(piece)
        maps = _observed(self._predictor, self._frame.read(read), [layer.name])[layer.name]
        origin, ours = (_reduced(box, layer.reduction_zyx) for box in (read, piece))
        part = ours.intersection(wanted)
        if part is not None:
            cut = maps[(slice(None), *part.relative_to(origin).slices)]
            output.write(part.relative_to(wanted), cut)

    def _axes(self, sides: tuple[int, ...], layer: Layer) -> Iterator[tuple[int, int, int]]:
        return zip(sides, layer.reduction_zyx, self._frame.step_zyx, strict=True)


def layers_of(predictor: Predictor) -> tuple[Layer, ...]:
    """Return the layers of a network that have maps, in the order in which they compute.

    They are found by running it on zeros, two steps of its grid to a side.

    Parameters
    ----------
    predictor
        With its normalisation not folded, or layers are missing.
    """
    downsample = predictor.preprocessing.downsample_zyx
    step = [stride * factor for stride, factor in zip(predictor.stride_zyx, downsample, strict=True)]
    tile: Triple = tuple(2 * side for side in step)  # type: ignore[assignment]
    kinds = {name: type(module).__name__ for name, module in predictor.network.named_modules()}
    found = []
    for name, maps in _observed(predictor, predictor.blank(tile), None).items():
        exact = all(
            size and side % size == 0 and whole % (side // size) == 0
            for side, size, whole in zip(tile, maps.shape[1:], step, strict=True)
        )
        if exact:  # a layer that looks at the whole tile at once has no maps
            z, y, x = (side // size for side, size in zip(tile, maps.shape[1:], strict=True))
            found.append(Layer(name, kinds[name], len(maps), (z, y, x)))
    return tuple(found)


def _observed(
    predictor: Predictor, prepared: NDArray[np.float32], names: list[str] | None
) -> dict[str, NDArray[np.float32]]:
    """Run the network, and return what layers (None: all) answer, (maps, z, y, x) each."""
    dims, seen = predictor.config.dims, {}

    def watching(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def watch(module: nn.Module, given: Any, answer: Any) -> None:
            if isinstance(answer, Tensor) and answer.dim() == dims + 2:
                # Copied, since the next layer may write into it. Sections lie on the batch axis.
                maps = answer.transpose(0, 1) if dims == 2 else answer[0]
                seen[name] = maps.float().cpu().numpy().copy()

        return watch

    hooks = [
        module.register_forward_hook(watching(name))
        for name, module in predictor.network.named_modules()
        if name and (names is None or name in names)
    ]
    try:
        predictor.forward(prepared)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _pieces(box: Box, step: Triple, size_read: Callable[[Box], int], most: int) -> Iterator[Box]:
    """Yield parts of a box that cover it, halved until a piece is small enough or one step to a side."""
    cells = [side // one for side, one in zip(box.shape, step, strict=True)]
    axis = int(np.argmax(cells))
    if size_read(box) <= most or cells[axis] == 1:
        yield box
        return
    middle = box.start[axis] + cells[axis] // 2 * step[axis]
    start, stop = list(box.start), list(box.stop)
    start[axis] = stop[axis] = middle
    yield from _pieces(Box(box.start, tuple(stop)), step, size_read, most)
    yield from _pieces(Box(tuple(start), box.stop), step, size_read, most)


def _reduced(box: Box, reduction: Triple) -> Box:
    return Box(
        tuple(s // r for s, r in zip(box.start, reduction, strict=True)),
        tuple(s // r for s, r in zip(box.stop, reduction, strict=True)),
    )
