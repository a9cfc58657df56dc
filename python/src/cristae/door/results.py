"""A prediction as an array, or as a file that appears when it is complete."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from cristae.errors import CristaeError, InvalidInput
from cristae.events import Event, Note
from cristae.prediction import (
    Answering,
    Output,
    OutputKind,
    form_of,
    predict,
    predicted_objects,
    tell_doubts,
)
from cristae.prediction.decoding import Objects
from cristae.prediction.instances import InMemory, remove
from cristae.prediction.ledger import finished_tiles
from cristae.volumes import Image, create_output
from cristae.volumes import Output as FileOutput
from cristae.volumes.output import ZarrOutput, can_go_on
from cristae.volumes.staging import staging_folder, was_begun

if TYPE_CHECKING:
    from cristae.door.unit_work import Order
    from cristae.door.workers import Workers

LEDGER, UNITS = "tiles.jsonl", "units.jsonl"
"""Which tiles are finished; beside the unfinished result, so that reading a model needs no place to write."""
GO_ON = "Run the same command again, and it goes on from the last finished tile."


class Run:
    """One prediction, still without the place for its result."""

    def __init__(
        self,
        predictor: Answering,
        image: Image,
        kind: OutputKind,
        inside: Image | None,
        shared: "tuple[Workers, Order] | None",
        on_event: Callable[[Event], None],
        should_stop: Callable[[], bool],
        split_touching: bool = False,
    ) -> None:
        self._inside, self._shared, self._split = inside, shared, split_touching
        self._predictor, self._image, self._kind = predictor, image, kind
        self._form = form_of(predictor.record, kind)
        self._on_event, self._should_stop = on_event, should_stop

    def to_array(self) -> NDArray[Any]:
        """Predict into memory, (c, z, y, x)."""
        if self._kind == "instances":
            with self._objects(None, None) as objects:
                return objects.to_array().astype(objects.dtype, copy=False)[None]
        output = InMemory((self._form.channels, *self._image.shape_czyx[1:]))
        self._predict_into(output)
        return output.voxels

    def to_file(self, out: str | Path, *, overwrite: bool, source: str | None) -> None:
        """Predict into a file or folder, with the image's calibration and the model's classes.

        Parameters
        ----------
        out
            The file or folder; a slash at its end makes it a folder of slices.
        overwrite
            Replace it if it is there.
        source
            Names the content of the image. If it is known, a prediction that ends before its end leaves
            beside `out` the tiles that it has finished and the ledger that names them, and the same call goes
            on from there; but an HDF5 file is begun anew.
        """
        if self._kind == "instances":
            self._objects_to_file(out, overwrite=overwrite, source=source)
            return
        resume = source is not None and can_go_on(out)
        begun = was_begun(Path(out))
        output = self._created(out, self._form.dtype, overwrite=overwrite, resume=resume)
        shutil.rmtree(_scratch(out), ignore_errors=True)  # of objects that were begun under this name
        staged = staging_folder(Path(out).absolute())
        ledger, other = staged / LEDGER, staged / UNITS
        if self._shared is not None:
            ledger, other = other, ledger
        if begun and not output.resumed:
            self._on_event(Note(_anew_told(Path(out).name, can_go_on(out))))

        def begin() -> None:
            if finished_tiles(other):
                self._on_event(
                    Note(
                        "What was begun by one process cannot be gone on with by several, nor the other way "
                        "round: it begins anew."
                    )
                )
            other.unlink(missing_ok=True)  # what it calls done is written over

        try:
            if self._shared is not None:
                self._predict_together(output, ledger, begin, *self._shared)
            else:
                begin()
                self._predict_into(output, ledger if resume else None, source or "")
            output.seal()
        except Exception as failure:
            if finished_tiles(ledger) == 0 == finished_tiles(other):
                output.discard()
                raise
            # Hours of computing are not thrown away because a network drive was away for a moment.
            output.close()
            if isinstance(failure, CristaeError):
                _say_how_it_goes_on(failure)
            raise

    def _predict_together(
        self,
        output: FileOutput,
        ledger: Path,
        on_open: Callable[[], None],
        workers: "Workers",
        order: "Order",
    ) -> None:
        from cristae.door.scaled import predict_units

        if not isinstance(output, ZarrOutput):
            raise InvalidInput("Several processes write together into an OME-Zarr only.")
        tell_doubts(self._predictor, self._image, self._inside, self._on_event)
        predict_units(order, output, workers, ledger, on_open, self._on_event, self._should_stop)

    def _created(self, out: str | Path, dtype: str, *, overwrite: bool, resume: bool) -> FileOutput:
        return create_output(
            out,
            (self._form.channels, *self._image.shape_czyx[1:]),
            dtype,
            self._image.voxel_size,
            name=Path(out).name.split(".")[0],
            classes=self._form.classes,
            labels=self._kind in ("labels", "instances"),
            overwrite=overwrite,
            resume=resume,
        )

    def _predict_into(self, output: Output, ledger: Path | None = None, source: str = "") -> None:
        predict(
            self._predictor,
            self._image,
            output,
            kind=self._kind,
            inside=self._inside,
            ledger=ledger,
            source=source,
            on_event=self._on_event,
            should_stop=self._should_stop,
        )

    def _objects_to_file(self, out: str | Path, *, overwrite: bool, source: str | None) -> None:
        """Write ids of the type that they need, which is known at the end only.

        What the network said of a large volume lies meanwhile beside the place of the result, which is held
        from the beginning, so that one that cannot be written is told before the work.
        """
        output = self._created(out, "uint16", overwrite=overwrite, resume=False)
        scratch = _scratch(out)
        if source is None:  # nobody could tell whose it is later
            remove(scratch)
        try:
            with self._objects(None if source is None else scratch, source) as objects:
                if objects.dtype != output.dtype.name:
                    output.discard()
                    output = self._created(out, objects.dtype, overwrite=overwrite, resume=False)
                for box, ids in objects.read():
                    output.write(box, ids[None].astype(objects.dtype, copy=False))
                output.seal()
            remove(scratch)
        except BaseException as failure:
            output.discard()
            if finished_tiles(scratch / LEDGER) == 0:
                shutil.rmtree(scratch, ignore_errors=True)
            elif isinstance(failure, CristaeError):
                _say_how_it_goes_on(failure)
            raise

    def _objects(self, scratch: Path | None, source: str | None) -> AbstractContextManager[Objects]:
        return predicted_objects(
            self._predictor,
            self._image,
            split_touching=self._split,
            inside=self._inside,
            scratch=scratch,
            source=source or "",
            on_event=self._on_event,
            should_stop=self._should_stop,
        )


def _scratch(out: str | Path) -> Path:
    """Return where lies what the network said while objects are found."""
    return staging_folder(Path(out).absolute()).with_suffix(".objects")


def _say_how_it_goes_on(failure: CristaeError) -> None:
    failure.sentence = f"{failure.sentence} {GO_ON}"
    failure.args = (failure.sentence,)


def _anew_told(name: str, of_another: bool) -> str:
    """Say why an interrupted prediction does not go on."""
    why = (
        "it was a result of another kind or shape"
        if of_another
        else "an HDF5 file that was interrupted cannot be opened any more"
    )
    return f"What was begun of {name} earlier does not count, because {why}: it begins anew."
