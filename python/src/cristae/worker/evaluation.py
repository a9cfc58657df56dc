"""One evaluation job: label images against the truth, as files of scores."""

import logging

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

_READS = 2.0
"""So often each image is read for a comparison, by experience; only the progress bar depends on it."""
_REPORTS_BEGIN = 0.95

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
    progress = _Reading(line, len(spec.predictions) if not spec.pairs else (len(spec.predictions) + 1) ** 2)

    def opened(volume: NamedVolume) -> Image:
        # Ids of 64 bits stay what they are; classes and masks have values of our number types.
        read = volumes.glance if spec.target == "instances" else volumes.open
        return Watched(read(volume.volume_id, volume.name), line.should_stop, progress.add)

    images = [opened(volume) for volume in (*spec.predictions, spec.truth)]
    progress.voxels = images[-1].shape_czyx[1] * images[-1].shape_czyx[2] * images[-1].shape_czyx[3]
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
    line.tell(Progress("Writing", _REPORTS_BEGIN))
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

    def __init__(self, line: Line, comparisons: int) -> None:
        self._line, self._comparisons = line, comparisons
        self.voxels, self._read = 0, 0

    def add(self, voxels: int) -> None:
        """Count voxels that were read."""
        self._read += voxels
        if self.voxels:
            fraction = self._read / (2 * _READS * self._comparisons * self.voxels)
            self._line.tell(Progress("Comparing", _REPORTS_BEGIN * min(1.0, fraction)))
