"""The door: measure the objects of a label image, without a server and without torch."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from cristae.events import logged

if TYPE_CHECKING:
    from cristae.door.calls import Source
    from cristae.events import Event
    from cristae.measuring import Measurements


def measure(
    labels: "Source",
    out: str | Path | None = None,
    *,
    raw: "Source | None" = None,
    classes: "Source | None" = None,
    other: "Source | None" = None,
    contacts: bool = False,
    skeletons: bool = False,
    where: str | None = None,
    voxel_size_nm: tuple[float, float, float] | None = None,
    overwrite: bool = False,
    on_event: "Callable[[Event], None]" = logged,
    should_stop: Callable[[], bool] = lambda: False,
) -> "Measurements":
    """Measure the objects of a label image: size, place, form, grey values, contacts, distances.

    The image is read slab by slab; the memory grows with the number of objects, not with the volume.

    Parameters
    ----------
    labels
        One id per object, up to 2^63 - 1; 0 is background. docs/objects.md defines every column.
    out
        The table to write: .csv, .xlsx or, if pyarrow is installed, .parquet. None writes none.
    raw
        An image whose grey values are measured in each object.
    classes
        A label image of classes; an object gets the one that most of its voxels have.
    other
        A label image of other objects; each object gets the nearest of them and its distance.
    contacts
        Make the table of objects that touch, too; with `other`, of one of either.
    skeletons
        Measure the length of the centre line of every object, too, which takes long.
    where
        Only the objects that fulfil a condition such as ``"volume_nm3 > 1e6 and touches_border == 0"``.
    voxel_size_nm
        (z, y, x) in nanometres, instead of what the labels say.
    overwrite
        Replace `out` if it is there.
    on_event
        Gets progress and notes.
    should_stop
        Asked again and again; True ends the work.

    Returns
    -------
    Measurements
        ``objects`` and ``contacts`` are tables: ``objects["volume_nm3"]`` is an array, and
        ``objects.rows()`` yields a tuple for each object.

    Raises
    ------
    CristaeError
        A subclass that tells what is wrong and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> found = measure(np.array([[[0, 1, 1, 2]]]), voxel_size_nm=(50, 4, 4), on_event=lambda event: None)
    >>> found.objects["id"].tolist(), found.objects["area_nm2"].tolist()
    ([1, 2], [32.0, 16.0])
    """
    from cristae.door import arguments as kinds
    from cristae.door.sources import as_exact_labels, as_image
    from cristae.door.targets import check_target
    from cristae.events import Note
    from cristae.measuring import Beside, check_form, files_of, write_tables
    from cristae.measuring import measure as measured

    kinds.check_arguments(
        out=(out, kinds.PATH | kinds.NOTHING),
        contacts=(contacts, kinds.TRUTH),
        skeletons=(skeletons, kinds.TRUTH),
        where=(where, kinds.CONDITION | kinds.NOTHING),
        voxel_size_nm=(voxel_size_nm, kinds.SIDES | kinds.NOTHING),
        overwrite=(overwrite, kinds.TRUTH),
        on_event=(on_event, kinds.FUNCTION),
        should_stop=(should_stop, kinds.FUNCTION),
    )
    sources = [source for source in (labels, raw, classes, other) if source is not None]
    if out is not None:
        check_form(Path(out))
        names = ["objects", "contacts"] if contacts else ["objects"]
        for file, source in product(files_of(Path(out), names), sources):
            check_target(file, source, overwrite=overwrite)
    image = as_exact_labels(labels, kinds.plain(voxel_size_nm))
    beside = Beside(
        None if raw is None else as_image(raw),
        None if classes is None else as_exact_labels(classes),
        None if other is None else as_exact_labels(other),
    )
    images = (image, beside.raw, beside.classes, beside.other)
    for sentence in dict.fromkeys(note for one in images if one is not None for note in one.notes):
        on_event(Note(sentence))
    found = measured(
        image,
        beside,
        contacts=contacts,
        skeletons=skeletons,
        where=where,
        on_event=on_event,
        should_stop=should_stop,
    )
    for sentence in found.sentences:
        on_event(Note(sentence))
    if out is not None:
        write_tables(Path(out), {"objects": found.objects, "contacts": found.contacts})
    return found
