"""From an image and a model to a result: the one entry of prediction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cristae.errors import InvalidInput
from cristae.events import Event, Note
from cristae.geometry import Box, Triple
from cristae.models.alike import Combine
from cristae.models.answers import offsets_of
from cristae.networks import broken_told
from cristae.networks.devices import describe, reading_threads
from cristae.prediction.doubts import LookedAt, tell_doubts
from cristae.prediction.engines import can_go_on
from cristae.prediction.ensemble import Answering, Ensemble, load_models
from cristae.prediction.inside import Wanted, told_apart
from cristae.prediction.ledger import CHANGED_SINCE, How, Ledger, finished_tiles
from cristae.prediction.predictor import Kind, Model, Predictor
from cristae.prediction.resampling import box_on_grid
from cristae.prediction.running import Output, Run, compute_tiles
from cristae.prediction.smaller import tiles_to_compute
from cristae.volumes import Image, LabelClass

type OutputKind = Literal["labels", "probabilities", "instances", "uncertainty"]


@dataclass(frozen=True)
class Form:
    """What a kind of result looks like: channels, type of number, and for labels the table of classes."""

    channels: int
    dtype: str
    classes: tuple[LabelClass, ...]


def form_of(record: Mapping[str, Any], kind: str) -> Form:
    """Tell what a result of this kind looks like, so that the output can be made.

    Parameters
    ----------
    record
        The model's record.
    kind
        "labels", "probabilities", "instances" or "uncertainty".

    Raises
    ------
    InvalidInput
        The model cannot give this kind of result.
    """
    outputs = output_kinds(record)
    if kind not in outputs:
        raise InvalidInput(f"This model gives {' or '.join(outputs)}, not {kind}.")
    if kind == "instances":
        return Form(1, "uint32", ())
    masks = record["target"] == "masks"
    if kind == "probabilities" or masks:
        return Form(int(record["network"]["out_channels"]), "uint8", ())
    if kind == "uncertainty":
        return Form(1, "uint8", ())
    table = record["classes"][:1] if offsets_of(record) else record["classes"]  # the others are of pairs
    classes = tuple(LabelClass(int(c["value"]), str(c["name"]), int(c["rgb"])) for c in table)
    return Form(1, "uint8", classes)


def output_kinds(record: Mapping[str, Any]) -> tuple[OutputKind, ...]:
    """Return what a model can give, the usual one first.

    Examples
    --------
    >>> output_kinds({"target": "classes"})
    ('labels', 'probabilities', 'uncertainty', 'instances')
    """
    if record["target"] == "instances":
        return ("instances", "labels", "probabilities", "uncertainty")
    if record["target"] == "masks":  # they lie over each other: a voxel may belong to several objects
        return ("labels", "probabilities", "uncertainty")
    return ("labels", "probabilities", "uncertainty", "instances")


def refuse_to_split(record: Mapping[str, Any], kind: str) -> None:
    """Refuse to part touching objects in a result where there is nothing to part.

    Parameters
    ----------
    record, kind
        As for :func:`form_of`.

    Raises
    ------
    InvalidInput
        The result has no objects, or the model parts them by itself.

    Examples
    --------
    >>> refuse_to_split({"target": "classes"}, "instances")
    """
    if kind != "instances":
        raise InvalidInput(f"Touching objects are split in the output instances, not in {kind}.")
    if record["target"] == "instances":
        raise InvalidInput(
            "This model was trained on instances and parts objects by the boundaries that it sees. Splitting "
            "touching objects is for models of classes: leave it out."
        )


def predict(
    model: Model | Sequence[Model] | Answering,
    image: Image,
    output: Output,
    *,
    kind: OutputKind = "labels",
    device: str = "auto",
    flips: bool = False,
    combine: Combine = "mean",
    split_touching: bool = False,
    tile_shape_zyx: Triple | None = None,
    grid_offset_zyx: Triple = (0, 0, 0),
    inside: Wanted | None = None,
    ledger: Path | None = None,
    source: str = "",
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Predict a whole image into an output, tile by tile.

    Memory does not grow with the image; for "instances" it grows with their number. The result does not
    depend on the tiles. The output is not sealed; that is for the caller.

    Parameters
    ----------
    model
        A package of the library, several whose answers are combined, or what :func:`load_models` made of
        them.
    image
        With the channels that the model was trained on. If its voxel size differs from the model's by more
        than 10 %, it is seen on the model's grid, and the result is brought back.
    output
        Of the image's shape, in the form that :func:`form_of` tells.
    kind
        "labels", "probabilities" or "uncertainty", see :meth:`Predictor.predict`; or "instances", see
        :func:`cristae.prediction.instances.predicted_objects`.
    device
        "auto", "cpu", "cuda:0"; never silently another one. Not used if `model` is on a device already.
    flips, combine
        As for :func:`load_models`; not used either if `model` is on a device already.
    split_touching
        For "instances" of a model of classes; see :func:`refuse_to_split`.
    tile_shape_zyx, grid_offset_zyx
        The tile and where the cuts lie, in voxels; by default chosen for device and image.
    inside
        A mask, or a box (z, y, x) of the image; where the mask is 0, and outside of the box, so is the
        result, and tiles that lie outside are not computed. See :mod:`cristae.prediction.inside`.
    ledger
        A file that notes finished tiles. With the same file and an output that was resumed a
        restart does only what is missing. For "instances" a folder beside it holds what the network said.
    source
        Names the content of image and mask, such as a digest: a ledger of another one does not count.
    on_event
        Gets progress and notes.
    should_stop
        Asked before every tile.

    Raises
    ------
    Cancelled
        `should_stop` said so.
    InvalidInput
        Channels, kind or device do not fit.
    OutOfMemory
        Not even the smallest tile fits on the device.
    """
    predictor = (
        model
        if isinstance(model, Predictor | Ensemble)
        else load_models(model, device, flips=flips, combine=combine)
    )
    form_of(predictor.record, kind)
    if split_touching:
        refuse_to_split(predictor.record, kind)
    if kind == "instances":
        from cristae.prediction.instances import predicted_objects

        with predicted_objects(
            predictor,
            image,
            split_touching=split_touching,
            tile_shape_zyx=tile_shape_zyx,
            grid_offset_zyx=grid_offset_zyx,
            inside=inside,
            scratch=None if ledger is None else ledger.with_name("objects"),
            source=source,
            on_event=on_event,
            should_stop=should_stop,
        ) as objects:
            for box, ids in objects.read():
                output.write(box, ids[None])
        return
    predict_tiles(
        predictor,
        image,
        output,
        kind=kind,
        tile_shape_zyx=tile_shape_zyx,
        grid_offset_zyx=grid_offset_zyx,
        inside=inside,
        ledger=ledger,
        source=source,
        on_event=on_event,
        should_stop=should_stop,
    )


def predict_tiles(
    predictor: Answering,
    image: Image,
    output: Output,
    *,
    kind: Kind,
    tile_shape_zyx: Triple | None = None,
    grid_offset_zyx: Triple = (0, 0, 0),
    inside: Wanted | None = None,
    part: Box | None = None,
    looked_at: LookedAt | None = None,
    ledger: Path | None = None,
    source: str = "",
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Predict labels or probabilities; see :func:`predict`. Return how many voxels are no numbers.

    With `part`, (z, y, x), only what decides its voxels is computed, and the output keeps what it wants.
    Whoever predicts one part after the other hands over what :func:`tell_doubts` returned as `looked_at`:
    the grey values that are measured for one part are then known for the next.
    """
    within, frame = looked_at or tell_doubts(predictor, image, inside, on_event, is_part=part is not None)
    work = {
        "source": source,
        "model": predictor.digest,
        "flips": predictor.flips,
        "shape_czyx": list(image.shape_czyx),
        "grid_zyx": list(frame.shape_zyx),
        "kind": kind,
        "offset_zyx": list(grid_offset_zyx),
        **({} if inside is None else {"inside_zyx": told_apart(inside)}),
    }
    if ledger is not None and not output.resumed:
        ledger.unlink(missing_ok=True)  # what it calls finished is not in this output
    begun = Ledger.begun(ledger, work)
    if begun is None and ledger is not None and finished_tiles(ledger):
        on_event(Note(CHANGED_SINCE))
    if begun is not None and not can_go_on(begun.engine, predictor.asked, predictor.device):
        told = f"It was begun with {begun.engine}, which does not compute it now: the prediction begins anew."
        on_event(Note(told))
        begun = None
    within_grid = None if part is None else box_on_grid(part, image.shape_czyx[1:], frame.shape_zyx)
    tiles = tiles_to_compute(predictor, frame, tile_shape_zyx, begun, grid_offset_zyx, within_grid, on_event)
    engine = tiles.settled(None if begun is None else begun.engine)
    by = " by OpenVINO" if engine == "openvino" else ""
    size = " x ".join(map(str, tiles.cut.tile_zyx))
    count = "1 tile" if tiles.count == 1 else f"{tiles.count} tiles"
    on_event(Note(f"Predicting on {describe(predictor.device)}{by}, {count} of {size} voxels (z, y, x)."))
    if begun is not None and begun.cut_to_zyx is not None and tiles.cut_to_zyx is not None:
        parts = " x ".join(map(str, tiles.cut_to_zyx))
        on_event(Note(f"They are computed in parts of {parts}: the memory did not suffice for them before."))
    with Ledger(ledger, work, How(tiles.cut.tile_zyx, engine)) as notes:
        channels = form_of(predictor.record, kind).channels
        run = Run(predictor, frame, image, within, output, kind, notes, tiles.count, channels, on_event, part)
        done_before = len(notes.done)
        if done_before:
            was = "was" if done_before == 1 else "were"
            on_event(Note(f"{done_before} of {tiles.count} tiles {was} finished before the interruption."))
        compute_tiles(run, tiles, notes, should_stop, reading_threads(predictor.device))
    if run.outside:
        what = "the part asked for" if isinstance(inside, Box) else "the mask"
        told = "1 tile lies" if run.outside == 1 else f"{run.outside} of {tiles.count} tiles lie"
        on_event(Note(f"{told} outside of {what}: not computed."))
    if run.empty.spared:
        told = "1 tile holds" if run.empty.spared == 1 else f"{run.empty.spared} tiles hold"
        on_event(Note(f"{told} one grey value only: the answer of another such tile was taken."))
    is_whole = part is None and not run.outside and not done_before
    if is_whole and not run.empty.filled and len(run.empty.values) == 1:
        told = "All voxels of the image look alike to the network: what it finds in them means nothing."
        on_event(Note(told, is_warning=True))
    if run.bad_voxels and part is None:
        on_event(Note(broken_told(run.bad_voxels), is_warning=True))
    return run.bad_voxels
