"""A prediction as an array, or as a file that appears when it is complete."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from cristae.errors import Cancelled, CristaeError
from cristae.events import Event, Note, Progress
from cristae.geometry import grid
from cristae.prediction import (
    Answering,
    Output,
    OutputKind,
    form_of,
    predict,
    predicted_objects,
    tell_doubts,
)
from cristae.prediction.answers import (
    LEDGER,
    NOTE,
    UNITS,
    answers_folder,
    is_of,
    kept_answers,
    remove,
    thrown_away_if_damaged,
    work_of,
)
from cristae.prediction.decoding import Objects
from cristae.prediction.instances import Helpers, InMemory
from cristae.prediction.ledger import finished_tiles, forget_other
from cristae.prediction.predictor import Kind
from cristae.volumes import Image, VolumeSpec, create_output
from cristae.volumes import Output as FileOutput
from cristae.volumes.output import ZarrOutput, can_go_on
from cristae.volumes.output import form_of as form_of_file
from cristae.volumes.staging import staging_folder, was_begun

if TYPE_CHECKING:
    from cristae.door.unit_work import Order
    from cristae.door.workers import Workers
    from cristae.prediction.inside import Wanted

MOST_COPIED = 2**26
"""Voxels."""
GO_ON = "Run the same command again, and it goes on from the last finished tile."


class Prediction:
    """One prediction, still without the place for its result."""

    def __init__(
        self,
        predictor: Answering,
        image: Image,
        kind: OutputKind,
        inside: "Wanted | None",
        shared: "tuple[Workers, Order] | None",
        on_event: Callable[[Event], None],
        should_stop: Callable[[], bool],
        split_touching: bool = False,
    ) -> None:
        self._inside, self._shared, self._split = inside, shared, split_touching
        self._predictor, self._image, self._kind = predictor, image, kind
        self._form = form_of(predictor.record, kind)
        self._shape = (self._form.channels, *image.shape_czyx[1:])
        self._on_event, self._should_stop = on_event, should_stop

    def to_array(self) -> NDArray[Any]:
        """Predict into memory, (c, z, y, x)."""
        if self._kind == "instances":
            with self._objects(None, None) as objects:
                return objects.to_array().astype(objects.dtype, copy=False)[None]
        output = InMemory(self._shape)
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
        elif self._shared is not None and form_of_file(out) != "zarr":
            self._answers_to_file(out, *self._shared, overwrite=overwrite, source=source or "")
        else:
            self._tiles_to_file(out, overwrite=overwrite, source=source)

    def _tiles_to_file(self, out: str | Path, *, overwrite: bool, source: str | None) -> None:
        """Write answers where they belong as they come."""
        resume = source is not None and can_go_on(out)
        begun = was_begun(Path(out))
        output = self._created(out, self._form.dtype, overwrite=overwrite, resume=resume)
        scratch = _scratch(out)
        if self._kind != "instances" and is_of(scratch / NOTE, self._work(self._kind, source or "")):
            forget_other(scratch / UNITS, self._on_event)
        shutil.rmtree(scratch, ignore_errors=True)  # of something else that was begun under this name
        staged = staging_folder(Path(out).absolute())
        ledger, other = staged / LEDGER, staged / UNITS
        if self._shared is not None:
            ledger, other = other, ledger
        if begun and not output.resumed:
            self._on_event(Note(_anew_told(Path(out).name, can_go_on(out))))

        def begin() -> None:
            forget_other(other, self._on_event)

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
        from cristae.door.workers import Crew

        assert isinstance(output, ZarrOutput)  # noqa: S101 - other files are written from answers
        tell_doubts(self._predictor, self._image, self._inside, self._on_event)
        with Crew(workers) as crew:
            predict_units(order, output, crew, ledger, on_open, self._on_event, self._should_stop)

    def _answers_to_file(
        self, out: str | Path, workers: "Workers", order: "Order", *, overwrite: bool, source: str
    ) -> None:
        """Have several processes write what the network says beside the place of the result, and copy it.

        Most files can be written by one process only.
        """
        from cristae.door.scaled import Helping
        from cristae.door.workers import Crew

        output = self._created(out, self._form.dtype, overwrite=overwrite, resume=can_go_on(out))
        scratch, tiles = _scratch(out), staging_folder(Path(out).absolute()) / LEDGER
        kind = self._kind
        assert kind != "instances"  # noqa: S101 - their ids are computed here
        try:
            tell_doubts(self._predictor, self._image, self._inside, self._on_event)
            with answers_folder(scratch, self._work(kind, source)) as folder:
                with Crew(workers) as crew:
                    helping = Helping(crew, order, self._should_stop)
                    said = kept_answers(
                        folder,
                        VolumeSpec(self._shape, self._form.dtype, self._image.voxel_size),
                        lambda writer, place: helping.predict(kind, writer, place, self._on_event),
                    )
                forget_other(tiles, self._on_event)
                with thrown_away_if_damaged(folder):
                    copy(said, output, self._on_event, self._should_stop)
            output.seal()
            remove(scratch)
        except BaseException as failure:
            if finished_tiles(tiles):
                output.close()
            else:
                output.discard()
            _keep_if_begun(scratch, failure)
            raise

    def _created(self, out: str | Path, dtype: str, *, overwrite: bool, resume: bool) -> FileOutput:
        return create_output(
            out,
            self._shape,
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
            with ExitStack() as stack:
                helpers = crew = None
                if self._shared is not None:
                    from cristae.door.scaled import Helping
                    from cristae.door.workers import Crew

                    workers, order = self._shared
                    tell_doubts(self._predictor, self._image, self._inside, self._on_event)
                    crew = stack.enter_context(Crew(workers))
                    helpers = Helping(crew, order, self._should_stop)
                found = self._objects(None if source is None else scratch, source, helpers)
                objects = stack.enter_context(found)
                if crew is not None:
                    crew.dismiss()  # one process writes
                if objects.dtype != output.dtype.name:
                    output.discard()
                    output = self._created(out, objects.dtype, overwrite=overwrite, resume=False)
                for box, ids in objects.read():
                    output.write(box, ids[None].astype(objects.dtype, copy=False))
                output.seal()
            remove(scratch)
        except BaseException as failure:
            output.discard()
            _keep_if_begun(scratch, failure)
            raise

    def _objects(
        self, scratch: Path | None, source: str | None, helpers: Helpers | None = None
    ) -> AbstractContextManager[Objects]:
        return predicted_objects(
            self._predictor,
            self._image,
            split_touching=self._split,
            inside=self._inside,
            scratch=scratch,
            source=source or "",
            helpers=helpers,
            on_event=self._on_event,
            should_stop=self._should_stop,
        )

    def _work(self, kind: Kind, source: str) -> Mapping[str, Any]:
        return work_of(self._predictor, self._image, kind, self._form.channels, self._inside, source)


def _scratch(out: str | Path) -> Path:
    """Return where lies what the network said while objects are found, or another file is written of it."""
    return staging_folder(Path(out).absolute()).with_suffix(".answers")


def _keep_if_begun(scratch: Path, failure: BaseException) -> None:
    """Remove what lies in a scratch folder, unless there is work in it: then say that it goes on."""
    if not any(finished_tiles(scratch / ledger) for ledger in (LEDGER, UNITS)):
        shutil.rmtree(scratch, ignore_errors=True)
    elif isinstance(failure, CristaeError):
        _say_how_it_goes_on(failure)


def copy(
    said: Image,
    output: Output,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> None:
    """Write all voxels of an image into an output, some whole sections at a time."""
    shape_zyx = said.shape_czyx[1:]
    section = said.shape_czyx[0] * shape_zyx[1] * shape_zyx[2]
    slabs = list(grid(shape_zyx, (max(1, MOST_COPIED // section), *shape_zyx[1:])))
    for done, slab in enumerate(slabs, 1):
        if should_stop():
            raise Cancelled("The prediction was cancelled.")
        output.write(slab, said.read(slab))
        on_event(Progress("Writing", done / len(slabs), None, f"part {done} of {len(slabs)}"))


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
