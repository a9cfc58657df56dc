"""A part of an image predicted by itself, as a prediction of the whole image would have it there.

Whoever asks has the image, and hands over what is needed of it: the voxels of the part with the context that
the network needs, and, since some models normalise a section or an image by itself, what its grey values are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import Busy, Cancelled, InvalidInput
from cristae.events import Event, Note
from cristae.geometry import Box
from cristae.networks import Frame, Statistics, broken_in, broken_told
from cristae.prediction.devices import smaller_until_it_fits, voxels_at_once
from cristae.prediction.predicting import form_of
from cristae.prediction.predictor import Kind, Predictor
from cristae.prediction.resampling import ResampledImage, box_on_grid, write_back
from cristae.prediction.tiling import Tiling, tiling
from cristae.prediction.units import PartInMemory
from cristae.prediction.voxel_sizes import on_model_grid
from cristae.volumes import Image, VoxelSize


@dataclass(frozen=True)
class Needed:
    """What is needed of an image to predict a part of it.

    Attributes
    ----------
    box
        The voxels (z, y, x) to hand over.
    samples
        Where the grey values are to be measured, each sample's boxes together.
    """

    box: Box
    samples: tuple[tuple[Box, ...], ...]


class PartOfImage:
    """An image of which only some voxels are here.

    Parameters
    ----------
    shape_czyx
        Of the whole image.
    voxel_size
        None if it is not known.
    box, voxels
        Where the voxels (c, z, y, x) that are here lie; None if none are.
    """

    name = "image"
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        shape_czyx: tuple[int, int, int, int],
        voxel_size: VoxelSize | None,
        box: Box | None = None,
        voxels: NDArray[Any] | None = None,
    ) -> None:
        self.shape_czyx, self.voxel_size = shape_czyx, voxel_size
        self._box, self._voxels = box, voxels
        self.dtype: np.dtype[Any] = np.dtype(np.uint8) if voxels is None else voxels.dtype

    def read(self, box_zyx: Box) -> NDArray[Any]:
        """Return the voxels of a box, which must be here."""
        if self._box is None or self._voxels is None or not self._box.contains(box_zyx):
            raise InvalidInput(f"The voxels {box_zyx} of the image are needed, but {self._box} are here.")
        return self._voxels[(slice(None), *box_zyx.relative_to(self._box).slices)].copy()


class PartPrediction:
    """The prediction of one part of an image.

    Parameters
    ----------
    predictor
        The model on its device.
    image
        Of it, only what :attr:`needed` tells is read.
    region
        The part (z, y, x).

    Attributes
    ----------
    needed
        What of the image.
    notes
        What is doubtful, a sentence each.

    Raises
    ------
    InvalidInput
        Image and model do not go together, or the region reaches beyond the image.
    """

    def __init__(self, predictor: Predictor, image: Image, region: Box) -> None:
        if not Box.of_shape(image.shape_czyx[1:]).contains(region):
            shape = " x ".join(map(str, image.shape_czyx[1:]))
            raise InvalidInput(f"The part {region} reaches beyond the image of {shape} voxels (z, y, x).")
        self._predictor, self._image, self._region = predictor, image, region
        self.notes: list[str] = []
        seen = on_model_grid(
            image, predictor.record.get("voxel_size_nm"), predictor.config.dims, self._note_doubt
        )
        self._frame: Frame = predictor.frame(seen)
        self._resampled = seen if isinstance(seen, ResampledImage) else None
        self._read = reduce(_around, (tile.read_box for tile in self._tiling(self._most()).tiles))
        samples = self._frame.samples(self._read)
        self.needed = Needed(
            self._of_image(self._frame.inside(self._read)),
            tuple(tuple(map(self._of_image, boxes)) for boxes in samples),
        )

    def run(
        self,
        kind: Kind,
        measured: Sequence[Statistics],
        given: Box,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> NDArray[np.uint8]:
        """Predict the part.

        Parameters
        ----------
        kind
            "labels", "probabilities" or "uncertainty"; see :meth:`Predictor.predict`.
        measured
            The grey values of each sample that is needed.
        given
            The voxels that are there: those that are needed.
        should_stop
            Asked before every tile.

        Returns
        -------
        numpy.ndarray
            (c, z, y, x) of the region, uint8.

        Raises
        ------
        Busy
            Others are needed: the model was replaced since the caller was told.
        Cancelled
            `should_stop` said so.
        OutOfMemory
            Not even the smallest tile fits on the device.
        """
        if given != self.needed.box or len(measured) != len(self.needed.samples):
            raise Busy("The model was replaced just now. Ask for the preview again.")
        self._frame.take(self._read, measured)
        self._tell_doubts()
        output = PartInMemory(form_of(self._predictor.record, kind).channels, self._region)
        smaller_until_it_fits(
            self._most(),
            lambda most: self._predict(kind, self._tiling(most), output, should_stop),
            least=int(np.prod(self._frame.step_zyx)),
            on_smaller=lambda voxels: None,
        )
        return output.voxels

    def _predict(
        self, kind: Kind, cut: Tiling, output: PartInMemory, should_stop: Callable[[], bool]
    ) -> None:
        for tile in cut.tiles:
            if should_stop():
                raise Cancelled("The preview was stopped.")
            prepared = self._frame.read(tile.read_box)
            found = self._predictor.predict(prepared, kind, tile.write_in_read)
            back = write_back(found, tile.write_box, self._frame.shape_zyx, self._image.shape_czyx[1:])
            if back is not None:
                output.write(*back)

    def _most(self) -> int:
        """Return how many voxels of the frame a tile may have."""
        reduction = int(np.prod(self._frame.preprocessing.downsample_zyx))
        return voxels_at_once(self._predictor.config, self._predictor.device) * reduction

    def _tiling(self, most_voxels: int) -> Tiling:
        return tiling(
            self._frame.shape_zyx,
            self._frame.step_zyx,
            self._frame.halo_zyx(self._predictor.halo_zyx),
            most_voxels=most_voxels,
            part_zyx=box_on_grid(self._region, self._image.shape_czyx[1:], self._frame.shape_zyx),
        )

    def _of_image(self, box: Box) -> Box:
        """Return the voxels of the image that make a box of the model's grid."""
        return box if self._resampled is None else self._resampled.source_box(box)

    def _note_doubt(self, event: Event) -> None:
        if isinstance(event, Note) and event.is_warning:
            self.notes.append(event.sentence)

    def _tell_doubts(self) -> None:
        doubts = [self._predictor.doubt(), self._frame.doubt()]
        if self._resampled is not None and self._frame.is_normalised_by_itself():
            doubts.append(
                "The image is resampled for this model, and normalised by itself: its grey values are "
                "measured before, so that a prediction of the whole image may differ a little."
            )
        if self._image.dtype.kind == "f" and (broken := broken_in(self._image.read(self._region))):
            doubts.append(broken_told(broken))
        self.notes += [doubt for doubt in doubts if doubt is not None]


def _around(one: Box, other: Box) -> Box:
    """Return the least box that holds both."""
    return Box(
        tuple(map(min, one.start, other.start)),
        tuple(map(max, one.stop, other.stop)),
    )
