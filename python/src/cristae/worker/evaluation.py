"""One evaluation job: label images against the truth, as files of scores."""

import logging
import math

from cristae.evaluation.evaluating import Choices, evaluate_images
from cristae.events import Progress
from cristae.jobs.protocol import Order
from cristae.jobs.records import JobResult
from cristae.jobs.specs import EvaluationSpec, NamedVolume
from cristae.settings import Home, Limits
from cristae.volumes import Image, VolumeStore
from cristae.volumes.data_root import DataRoot
from cristae.volumes.found import JobVolumes
from cristae.worker.files import JobFiles
from cristae.worker.line import Line
from cristae.worker.watched import Watched

REPORTS = ("scores.json", "scores.csv", "report.html")

_READS, _READS_OF_SURFACES, _READS_OF_PICTURES = 2.2, 1.0, 1.1
"""So often each image is read for a comparison, for distances and for the report, and..."""
_COMPARED = 0.7
"""...so much of the whole is done then, by experience; only the progress bar depends on these."""

_log = logging.getLogger(__name__)


def run_evaluation(
    home: Home, order: Order, spec: EvaluationSpec, line: Line, root: DataRoot | None = None
) -> JobResult:
    """Compare, and return the files of scores.

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
        _evaluate(spec, volumes, files, line)
        volumes.refuse_changed()
    line.tell(Progress("Writing", 1.0))
    return files.made()


def _evaluate(spec: EvaluationSpec, volumes: JobVolumes, files: JobFiles, line: Line) -> None:
    progress = _Reading(line)

    def opened(volume: NamedVolume) -> Image:
        # Ids of 64 bits stay what they are; classes and masks have values of our number types.
        read = volumes.glance if spec.target == "instances" else volumes.open
        return Watched(read(volume.volume_id, volume.name), line.should_stop, progress.add)

    images = [opened(volume) for volume in (*spec.predictions, spec.truth)]
    images_read = 2 * ((len(spec.predictions) + 1) ** 2 if spec.pairs else len(spec.predictions))
    voxels = images_read * math.prod(images[-1].shape_czyx[1:])
    progress.begin("Comparing", 0.0, _COMPARED, (_READS + spec.distances * _READS_OF_SURFACES) * voxels)
    raw = None
    if spec.raw is not None:
        raw = Watched(volumes.open(spec.raw.volume_id, spec.raw.name), line.should_stop)
    evaluation = evaluate_images(
        images[:-1],
        images[-1],
        [image.name or f"image {number}" for number, image in enumerate(images, 1)],
        choices_of(spec),
        raw=raw,
        on_event=line.tell,
    )
    progress.begin("Writing", _COMPARED, 1.0, _READS_OF_PICTURES * voxels)
    for name in REPORTS:
        evaluation.write(files.place(name))


def choices_of(spec: EvaluationSpec) -> Choices:
    """Return how the images of a job are compared."""
    return Choices(
        target=spec.target,
        unknown=spec.unknown_value,
        empty_sections=spec.empty_sections,
        z=spec.z,
        distances=spec.distances,
        probabilities=spec.probabilities,
        pairs=spec.pairs,
    )


class _Reading:
    """Tells how far a job is, from how much of its images was read."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._stage, self._start, self._stop = "Comparing", 0.0, 0.0
        self._expected, self._read = 1.0, 0

    def begin(self, stage: str, start: float, stop: float, voxels: float) -> None:
        """Begin a stage, from one share of the whole to another, in which so many voxels will be read."""
        self._stage, self._start, self._stop, self._expected, self._read = stage, start, stop, voxels, 0
        self.add(0)

    def add(self, voxels: int) -> None:
        """Count voxels that were read."""
        self._read += voxels
        done = min(1.0, self._read / self._expected)
        self._line.tell(Progress(self._stage, self._start + done * (self._stop - self._start)))
