"""A prediction as an array, or as a file that appears when it is complete."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import AlreadyExists
from cristae.events import Event
from cristae.geometry import Box
from cristae.prediction import Output, OutputKind, Predictor, form_of, predict, predict_objects
from cristae.prediction.instances import InMemory
from cristae.volumes import Image, create_output

LARGEST_16_BIT_ID = 65_535


def check_target(out: Path, *, overwrite: bool) -> None:
    """Refuse a result that is there already, before anything is computed.

    Raises
    ------
    AlreadyExists
        `out` is there, and `overwrite` is not set.
    """
    if out.exists() and not overwrite:
        raise AlreadyExists(f"{out} is there already. Choose another name, or add --overwrite to replace it.")


class Run:
    """One prediction, still without the place for its result."""

    def __init__(
        self,
        predictor: Predictor,
        image: Image,
        kind: OutputKind,
        on_event: Callable[[Event], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._predictor, self._image, self._kind = predictor, image, kind
        self._form = form_of(predictor.record, kind)
        self._on_event, self._should_stop = on_event, should_stop

    def to_array(self) -> NDArray[Any]:
        """Predict into memory, (c, z, y, x)."""
        if self._kind == "instances":
            return self._objects()[None]
        output = InMemory((self._form.channels, *self._image.shape_czyx[1:]))
        self._predict_into(output)
        return output.voxels

    def to_file(self, out: Path, *, overwrite: bool) -> None:
        """Predict into a file or folder, with the image's calibration and the model's classes."""
        objects = self._objects() if self._kind == "instances" else None
        output = create_output(
            out,
            (self._form.channels, *self._image.shape_czyx[1:]),
            self._form.dtype if objects is None else objects.dtype.name,
            self._image.voxel_size,
            name=out.name.split(".")[0],
            classes=self._form.classes if self._kind == "labels" else (),
            overwrite=overwrite,
        )
        try:
            if objects is None:
                self._predict_into(output)
            else:
                output.write(Box.of_shape(objects.shape), objects[None])
        except BaseException:
            output.discard()
            raise
        output.seal()

    def _predict_into(self, output: Output) -> None:
        predict(
            self._predictor,
            self._image,
            output,
            kind=self._kind,
            on_event=self._on_event,
            should_stop=self._should_stop,
        )

    def _objects(self) -> NDArray[np.unsignedinteger[Any]]:
        objects = predict_objects(
            self._predictor, self._image, on_event=self._on_event, should_stop=self._should_stop
        )
        # ImageJ shows 16-bit ids as they are; 32-bit ones it turns into numbers with a decimal point.
        return objects.astype(np.uint16) if int(objects.max()) <= LARGEST_16_BIT_ID else objects
