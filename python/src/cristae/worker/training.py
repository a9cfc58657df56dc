"""One training job: from volumes of the store to a model in the library."""

import logging
from datetime import datetime
from typing import Literal

from cristae.errors import CristaeError, NotFound
from cristae.events import Note
from cristae.jobs.finishing import FINISH_FILE
from cristae.jobs.protocol import Order
from cristae.jobs.records import JobResult
from cristae.jobs.specs import TrainingSpec
from cristae.labels import unknown_of, voted
from cristae.models import ModelLibrary
from cristae.settings import Home
from cristae.training import Budget, TrainingRequest, inspect_and_plan, train
from cristae.volumes import VolumeStore, told_of
from cristae.volumes.data_root import DataRoot
from cristae.volumes.found import JobVolumes
from cristae.worker.line import Line

PRESETS: tuple[Literal["quick", "standard", "best"], ...] = ("quick", "standard", "best")

_log = logging.getLogger(__name__)


def run_training(
    home: Home, order: Order, spec: TrainingSpec, line: Line, root: DataRoot | None = None
) -> JobResult:
    """Train, put the model into the library, and return its name.

    A model that an earlier attempt put there is the result: it is not made twice. Images under the data root,
    ``root``, must stay as they are to the end.

    Raises
    ------
    Cancelled
        If the job was to end; the checkpoint is saved then.
    CristaeError
        If it cannot be done.
    """
    library = ModelLibrary(home.models)
    made = library.find_by_job(order.job_id)
    if made is not None:
        _log.info("An earlier attempt made the model already")
        return JobResult(model_name=made.name)

    with JobVolumes(VolumeStore(home.root), root, spec.found) as volumes:
        return _trained(home, order, spec, line, library, volumes)


def _trained(
    home: Home, order: Order, spec: TrainingSpec, line: Line, library: ModelLibrary, volumes: JobVolumes
) -> JobResult:
    pairs = [
        (
            volumes.open(pair.image_volume_id, pair.image_name),
            voted(
                [volumes.open(digest) for digest in pair.annotators],
                target=spec.target,
                unknown=spec.unknown_value,
                empty_sections=spec.empty_sections,
            ),
        )
        for pair in spec.volumes
    ]
    if order.attempt <= 1:
        for note in told_of(image for pair in pairs for image in pair):
            line.tell(note)
    request = TrainingRequest(
        pairs=pairs,
        model_name=spec.model_name,
        target=spec.target,
        unknown=unknown_of([labels for _, labels in pairs], spec.unknown_value),
        empty_sections=spec.empty_sections,
        classes=spec.classes,
        budget=budget_of(spec),
        z=spec.z,
        validation_z=spec.validation_z,
        start_from=library.get(spec.start_from) if spec.start_from else None,
        settings=spec.settings,
        seed=spec.seed or 0,
        digests=[(pair.image_volume_id, *pair.annotators) for pair in spec.volumes],
        job_id=order.job_id,
    )
    plan = inspect_and_plan(request, order.device, on_event=line.tell)
    library.refuse_to_replace(spec.model_name, plan.labelled_steps, plan.fewest_steps, is_planned=True)
    asked_before = (home.jobs / order.job_id / FINISH_FILE).exists()
    trained = train(
        request,
        plan,
        folder=home.checkpoints(order.job_id),
        on_event=line.tell,
        should_stop=line.should_stop,
        should_finish=lambda: asked_before or line.should_finish(),
        device=order.device,
    )
    volumes.refuse_changed()
    record = {**trained.record, "job_id": order.job_id}
    _tell_replaced(library, spec.model_name, line)
    return JobResult(model_name=library.add(record, trained.weights, trained.preview).name)


def _tell_replaced(library: ModelLibrary, name: str, line: Line) -> None:
    """Say which model makes room: perhaps one that came while this training waited or ran."""
    try:
        day = datetime.fromtimestamp(library.get(name).created_s).astimezone()
    except NotFound:
        return
    except CristaeError:
        line.tell(Note(f"A model '{name}' that could not be read is replaced."))
        return
    line.tell(Note(f"The model '{name}' of {day:%Y-%m-%d %H:%M} is replaced."))


def budget_of(spec: TrainingSpec) -> Budget:
    """Return how long to train.

    Examples
    --------
    >>> budget_of(TrainingSpec("mito", (), budget=("steps", 600))).steps
    600
    """
    kind, value = spec.budget
    if kind == "minutes":
        return Budget(minutes=float(value))
    if kind == "steps":
        return Budget(steps=int(value))
    return Budget(next(preset for preset in PRESETS if preset == value))
