"""One prediction job: from a volume and a model to a sealed volume."""

import logging
from pathlib import Path

from cristae.errors import InvalidInput
from cristae.jobs.protocol import Order
from cristae.jobs.records import JobResult
from cristae.jobs.specs import PredictionSpec, staging_id
from cristae.models import ModelLibrary
from cristae.prediction import form_of, predict
from cristae.settings import Home, Limits
from cristae.volumes import StoredVolume, VolumeSpec, VolumeStore, VolumeWriter
from cristae.volumes.durable import write_file_durably
from cristae.worker.line import Line

_log = logging.getLogger(__name__)


def run_prediction(home: Home, order: Order, spec: PredictionSpec, line: Line) -> JobResult:
    """Predict, seal the result, and return its digest.

    A volume that an earlier attempt sealed is the result; tiles that one finished are not done again.

    Raises
    ------
    Cancelled
        If the job was to end.
    CristaeError
        If it cannot be done.
    """
    store = VolumeStore(home.root, free_floor_bytes=Limits.from_environment().free_floor_bytes)
    folder = home.jobs / order.job_id
    sealed = _sealed_before(store, folder / "digest")
    if sealed is not None:
        _log.info("An earlier attempt sealed the result already")
        return JobResult(outputs=((spec.output, sealed.digest),))

    image = store.open(spec.image_volume_id)
    library = ModelLibrary(home.models)
    models = [library.get(name) for name in (spec.model_name, *spec.more_models)]
    form = form_of(models[0].record, spec.output)
    wanted = VolumeSpec(
        shape_czyx=(form.channels, *image.shape_czyx[1:]),
        dtype=form.dtype,
        voxel_size=image.voxel_size,
        name=result_name(image.name, "+".join(model.name for model in models)),
        classes=form.classes,
    )
    ledger = folder / "tiles.jsonl"
    writer = _writer(store, wanted, staging_id(order.job_id))
    if not writer.resumed:
        ledger.unlink(missing_ok=True)  # it would vouch for tiles that are gone
    try:
        predict(
            models,
            image,
            writer,
            kind=spec.output,
            device=order.device,
            flips=spec.flips,
            combine=spec.combine,
            ledger=ledger,
            on_event=line.tell,
            should_stop=line.should_stop,
        )
        volume = writer.seal(lambda digest: write_file_durably(folder / "digest", digest.encode()))
    finally:
        writer.close()
    return JobResult(outputs=((spec.output, volume.digest),))


def _writer(store: VolumeStore, wanted: VolumeSpec, staged: str) -> VolumeWriter:
    try:
        return store.create(wanted, staging_id=staged)
    except InvalidInput:
        # An earlier attempt began it with a model that has been replaced since by one with other classes.
        store.discard(staged)
        return store.create(wanted, staging_id=staged)


def _sealed_before(store: VolumeStore, note: Path) -> StoredVolume | None:
    if not note.exists():
        return None
    digest = note.read_text("ascii")
    return store.open(digest) if store.exists(digest) else None


def result_name(image: str, model: str, longest: int = 120) -> str:
    """Return the name of a result for people: the image's name, and the model's.

    Examples
    --------
    >>> result_name("stack.tif", "mito")
    'stack-mito.tif'
    """
    stem, dot, suffix = image.rpartition(".")
    if not dot or not stem:
        stem, suffix = image, ""
    ending = f"-{model}.{suffix}" if suffix else f"-{model}"
    return (stem or "image")[: max(1, longest - len(ending))] + ending[:longest]
