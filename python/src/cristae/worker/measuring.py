"""One measuring job: the objects of a label image, as tables."""

import logging

from cristae.events import Note, Progress
from cristae.jobs.protocol import Order
from cristae.jobs.records import JobResult
from cristae.jobs.specs import MeasurementSpec, NamedVolume
from cristae.measuring import Beside, measure, summary_csv, write_tables
from cristae.measuring.doubts import empty_told, no_others_told, other_sizes_told, raw_image_told
from cristae.settings import Home, Limits
from cristae.volumes import Image, VolumeStore, told_of
from cristae.volumes.data_root import DataRoot
from cristae.volumes.durable import replace_file
from cristae.volumes.found import JobVolumes
from cristae.worker.files import JobFiles
from cristae.worker.line import Line
from cristae.worker.watched import Watched

_MEASURED = 0.95
"""Of the whole work; the rest is writing. Only the progress bar depends on it."""

_log = logging.getLogger(__name__)


def run_measurement(
    home: Home, order: Order, spec: MeasurementSpec, line: Line, root: DataRoot | None = None
) -> JobResult:
    """Measure, and return the tables as files.

    Files that an earlier attempt made are the result. Images under the data root, ``root``, must stay as they
    are to the end.

    Raises
    ------
    Cancelled
        If the job was to end.
    CristaeError
        If it cannot be done.
    """
    files = JobFiles(home, order.job_id, Limits.from_environment().free_floor_bytes)
    if files.are_made:
        _log.info("An earlier attempt made the files already")
        return files.made()
    with JobVolumes(VolumeStore(home.root), root, spec.found) as volumes, files.making():
        _measure(spec, volumes, files, line)
        volumes.refuse_changed()
    line.tell(Progress("Writing", 1.0))
    return files.made()


def _measure(spec: MeasurementSpec, volumes: JobVolumes, files: JobFiles, line: Line) -> None:
    def watched(volume: NamedVolume) -> Image:
        # As it is in its file, so that ids of 64 bits stay what they are.
        return Watched(volumes.glance(volume.volume_id, volume.name), line.should_stop)

    def tell(event: object) -> None:
        if isinstance(event, Progress):
            line.tell(Progress(event.stage, _MEASURED * event.fraction))

    labels = watched(spec.labels)
    beside = Beside(
        None
        if spec.raw is None
        else Watched(volumes.open(spec.raw.volume_id, spec.raw.name), line.should_stop),
        None if spec.classes is None else watched(spec.classes),
        None if spec.other is None else watched(spec.other),
    )
    images = (labels, beside.raw, beside.classes, beside.other)
    for note in told_of(images):
        line.tell(note)
    for sentence in other_sizes_told(labels, beside):
        line.tell(Note(sentence, is_warning=True))
    found = measure(
        labels,
        beside,
        contacts=spec.contacts,
        skeletons=spec.skeletons,
        where=spec.condition or None,
        on_event=tell,
        should_stop=line.should_stop,
    )
    for sentence in found.sentences:
        line.tell(Note(sentence))
    raw_doubt = None if spec.condition else raw_image_told(found.objects, labels.shape_czyx[1:])
    for doubt in (raw_doubt, empty_told(found.objects, spec.condition), no_others_told(found.objects)):
        if doubt is not None:
            line.tell(Note(doubt, is_warning=True))
    line.tell(Progress("Writing", _MEASURED))
    for name, table in (("objects", found.objects), ("contacts", found.contacts)):
        if table is not None:
            write_tables(files.place(f"{name}.csv"), {name: table})
    replace_file(files.place("summary.csv"), summary_csv(found.objects).encode())
