"""One cleaning job: from a label image of objects to a sealed volume of better ones."""

import logging

from cristae.jobs.protocol import Order
from cristae.jobs.records import JobResult
from cristae.jobs.specs import CleaningSpec, staging_id
from cristae.labels.cleaning.steps import Steps, Work, mended, stored_type, write_objects
from cristae.settings import Home, Limits
from cristae.volumes import StoredVolume, VolumeSpec, VolumeStore, told_of
from cristae.volumes.data_root import DataRoot
from cristae.volumes.found import JobVolumes
from cristae.worker.line import Line
from cristae.worker.sealed import DigestNote, result_name
from cristae.worker.watched import Watched

OUTPUT = "instances"

_log = logging.getLogger(__name__)


def run_cleaning(
    home: Home, order: Order, spec: CleaningSpec, line: Line, root: DataRoot | None = None
) -> JobResult:
    """Mend, seal the result, and return its digest.

    A volume that an earlier attempt sealed is the result; else it begins anew. Labels under the data root,
    ``root``, must stay as they are to the end.

    Raises
    ------
    Cancelled
        If the job was to end.
    CristaeError
        If it cannot be done.
    """
    store = VolumeStore(home.root, free_floor_bytes=Limits.from_environment().free_floor_bytes)
    note = DigestNote(home.jobs / order.job_id)
    sealed = note.sealed_before(store)
    if sealed is not None:
        _log.info("An earlier attempt sealed the result already")
    else:
        with JobVolumes(store, root, spec.found) as volumes:
            sealed = _cleaned(order, spec, line, store, volumes, note)
    return JobResult(outputs=((OUTPUT, sealed.digest),))


def _cleaned(
    order: Order, spec: CleaningSpec, line: Line, store: VolumeStore, volumes: JobVolumes, note: DigestNote
) -> StoredVolume:
    # As it is in its file, so that ids of 64 bits stay what they are.
    image = Watched(volumes.glance(spec.labels.volume_id, spec.labels.name), line.should_stop)
    for told in told_of([image]):
        line.tell(told)
    steps, work = steps_of(spec), Work(line.tell, line.should_stop)
    steps.check_for(image)
    objects = mended(image, steps, work, is_written=True)
    wanted = VolumeSpec(
        shape_czyx=image.shape_czyx,
        dtype=stored_type(objects).name,
        voxel_size=image.voxel_size,
        name=result_name(image.name, "clean"),
    )
    staged = staging_id(order.job_id)
    store.discard(staged)  # of an attempt that was killed
    writer = store.create(wanted, staging_id=staged)
    try:
        write_objects(objects, writer, work)
        volumes.refuse_changed()
        return writer.seal(note.write)
    finally:
        writer.close()


def steps_of(spec: CleaningSpec) -> Steps:
    """Return what a job is to do."""
    return Steps(
        merge=spec.merges,
        split=dict(spec.splits),
        fill_holes=spec.fill_holes,
        smooth_nm=spec.smooth_nm,
        minimum_nm3=spec.minimum_nm3,
        minimum_voxels=spec.minimum_voxels,
        at_border=spec.remove_border,
    )
