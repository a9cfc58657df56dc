"""One prediction job: from a volume and a model to a sealed volume, of answers or of a layer's maps."""

import logging
from collections.abc import Callable
from pathlib import Path

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.jobs.protocol import Order
from cristae.jobs.records import JobResult
from cristae.jobs.specs import PredictionSpec, staging_id
from cristae.models import ModelLibrary, ModelPackage
from cristae.prediction import form_of, predict
from cristae.settings import Home, Limits
from cristae.volumes import Image, VolumeSpec, VolumeStore, VolumeWriter, told_of
from cristae.volumes.data_root import DataRoot
from cristae.volumes.found import JobVolumes
from cristae.worker.line import Line
from cristae.worker.sealed import DigestNote, result_name

_log = logging.getLogger(__name__)


def run_prediction(
    home: Home, order: Order, spec: PredictionSpec, line: Line, root: DataRoot | None = None
) -> JobResult:
    """Predict, seal the result, and return its digest.

    A volume that an earlier attempt sealed is the result; tiles that one finished are not done again. An
    image under the data root, ``root``, must stay as it is to the end.

    Raises
    ------
    Cancelled
        If the job was to end.
    CristaeError
        If it cannot be done.
    """
    store = VolumeStore(home.root, free_floor_bytes=Limits.from_environment().free_floor_bytes)
    sealed = DigestNote(home.jobs / order.job_id).sealed_before(store)
    if sealed is not None:
        _log.info("An earlier attempt sealed the result already")
        return JobResult(outputs=((spec.output, sealed.digest),))

    with JobVolumes(store, root, spec.found) as volumes:
        return _predicted(home, order, spec, line, store, volumes)


def _predicted(
    home: Home, order: Order, spec: PredictionSpec, line: Line, store: VolumeStore, volumes: JobVolumes
) -> JobResult:
    folder = home.jobs / order.job_id
    image = volumes.open(spec.image_volume_id, spec.image_name)
    mask = volumes.open(spec.inside_volume_id) if spec.inside_volume_id else None
    if order.attempt <= 1:
        for note in told_of([image, mask]):
            line.tell(note)
    library = ModelLibrary(home.models)
    models = [library.get(name) for name in (spec.model_name, *spec.more_models)]
    if spec.output == "activations":
        wanted, write = _maps(models[0], image, spec, order, line)
    else:
        wanted, write = _answers(models, image, mask, spec, order, folder / "tiles.jsonl", line)
    writer = _writer(store, wanted, staging_id(order.job_id))
    try:
        write(writer)
        volumes.refuse_changed()
        volume = writer.seal(DigestNote(folder).write)
    finally:
        writer.close()
    return JobResult(outputs=((spec.output, volume.digest),))


def _answers(
    models: list[ModelPackage],
    image: Image,
    inside: Image | None,
    spec: PredictionSpec,
    order: Order,
    ledger: Path,
    line: Line,
) -> tuple[VolumeSpec, Callable[[VolumeWriter], None]]:
    """Return what the answers of models look like, and what writes them."""
    assert spec.output != "activations"  # noqa: S101 - of one layer of one model
    kind = spec.output
    form = form_of(models[0].record, kind)
    wanted = VolumeSpec(
        shape_czyx=(form.channels, *image.shape_czyx[1:]),
        dtype=form.dtype,
        voxel_size=image.voxel_size,
        name=result_name(image.name, "+".join(model.name for model in models)),
        classes=form.classes,
    )

    def write(writer: VolumeWriter) -> None:
        if not writer.resumed:
            ledger.unlink(missing_ok=True)  # it would vouch for tiles that are gone
        predict(
            models,
            image,
            writer,
            kind=kind,
            device=order.device,
            flips=spec.flips,
            split_touching=spec.split_touching,
            combine=spec.combine,
            inside=inside,
            ledger=ledger,
            on_event=line.tell,
            should_stop=line.should_stop,
        )

    return wanted, write


def _maps(
    model: ModelPackage, image: Image, spec: PredictionSpec, order: Order, line: Line
) -> tuple[VolumeSpec, Callable[[VolumeWriter], None]]:
    """Return what the maps of a layer look like, and what writes them."""
    from cristae.prediction.activations import Activations

    network = Activations(model, image, order.device, line.tell)
    layer = network.layer(spec.layer)
    region = spec.region or Box.of_shape(image.shape_czyx[1:])
    z, y, x = network.box(layer, region).shape
    wanted = VolumeSpec(
        shape_czyx=(layer.maps, z, y, x),
        dtype="float32",
        voxel_size=network.voxel_size(layer),
        name=result_name(image.name, f"{model.name}-{layer.name}"),
    )
    return wanted, lambda writer: network.write(layer, region, writer, line.should_stop)


def _writer(store: VolumeStore, wanted: VolumeSpec, staged: str) -> VolumeWriter:
    try:
        return store.create(wanted, staging_id=staged)
    except InvalidInput:
        # An earlier attempt began it with a model that has been replaced since by one with other classes.
        store.discard(staged)
        return store.create(wanted, staging_id=staged)
