"""The door: measure and clean the objects of a label image, without a server and without torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cristae.events import Note, Progress, logged

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

    The image is read slab by slab; the memory grows with the number of objects, not with the volume. With
    `other`, and with a distance in `where`, it also grows with the surfaces of those objects (100 bytes for
    each voxel of a surface).

    Parameters
    ----------
    labels
        One id per object, up to 2^63 - 1; 0 is background. docs/objects.md defines every column.
    out
        The table to write: .csv, .xlsx or, if pyarrow is installed, .parquet. None writes none. A table that
        is too long for Excel becomes a .csv beside it; ``files`` of the result tells what was written.
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
    from cristae.errors import AlreadyExists, Cancelled
    from cristae.measuring import Beside, check_form, files_of, write_tables
    from cristae.measuring import measure as measured
    from cristae.measuring.doubts import (
        earlier_contacts,
        empty_told,
        no_others_told,
        other_sizes_told,
        raw_image_told,
    )
    from cristae.volumes import told_of

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
    earlier = None if out is None or contacts else earlier_contacts(Path(out))
    if earlier is not None and not overwrite:
        raise AlreadyExists(
            f"{earlier} of an earlier run would lie beside a table that it does not belong to. Choose "
            "another name, make the table of contacts too, or add --overwrite to remove it."
        )
    image = as_exact_labels(labels, kinds.plain(voxel_size_nm))
    beside = Beside(
        None if raw is None else as_image(raw),
        None if classes is None else as_exact_labels(classes),
        None if other is None else as_exact_labels(other),
    )
    images = (image, beside.raw, beside.classes, beside.other)
    for note in told_of(images):
        on_event(note)
    for sentence in other_sizes_told(image, beside):
        on_event(Note(sentence, is_warning=True))
    found = measured(
        image,
        beside,
        contacts=contacts,
        skeletons=skeletons,
        where=where,
        on_event=on_event,
        should_stop=should_stop,
    )
    if out is not None:

        def on_rows(done: float) -> None:
            if should_stop():
                raise Cancelled("Measuring was stopped; no table was written.")
            on_event(Progress("Writing", done))

        tables = {"objects": found.objects, "contacts": found.contacts}
        files, told = write_tables(Path(out), tables, on_rows)
        found = replace(found, files=files, sentences=[*found.sentences, *told])
        if earlier is not None:
            earlier.unlink(missing_ok=True)
            on_event(Note(f"{earlier} of an earlier run was removed: no contacts were asked for."))
    raw_doubt = raw_image_told(found.objects, image.shape_czyx[1:]) if where is None else None
    for sentence in found.sentences:
        on_event(Note(sentence))
    for doubt in (raw_doubt, empty_told(found.objects, where), no_others_told(found.objects)):
        if doubt is not None:
            on_event(Note(doubt, is_warning=True))
    return found


def clean(
    labels: "Source",
    out: str | Path | None = None,
    *,
    merge: Sequence[Sequence[int]] = (),
    split: Mapping[int, Sequence[tuple[int, int, int]]] | None = None,
    fill_holes: bool = False,
    smooth_nm: float | None = None,
    minimum_nm3: float | None = None,
    minimum_voxels: int | None = None,
    border: Literal["keep", "remove"] = "keep",
    voxel_size_nm: tuple[float, float, float] | None = None,
    overwrite: bool = False,
    on_event: "Callable[[Event], None]" = logged,
    should_stop: Callable[[], bool] = lambda: False,
) -> "NDArray[Any] | Path":
    """Mend the objects of a label image; each step says what it did.

    The steps come in the order of the arguments. Merging, the minimum size and the border work slab by slab
    on volumes of any size; splitting holds one object in memory, filling holes and smoothing the whole
    volume, and they refuse what does not fit.

    Parameters
    ----------
    labels
        One id per object; 0 is background.
    out
        The file or folder to write, by its suffix as in :func:`predict`. None returns an array instead.
    merge
        Groups of ids: each becomes one object, with the lowest of them.
    split
        By id, a voxel (z, y, x) in each part: the object is cut between them where it is thin. New ids come
        after the largest one.
    fill_holes
        Fill background that one object encloses.
    smooth_nm
        Each voxel gets the id that most voxels within this radius have.
    minimum_nm3, minimum_voxels
        Remove smaller objects; one of the two.
    border
        "remove" takes the objects away that touch a face of the volume (of a section: its edge).
    voxel_size_nm
        (z, y, x) in nanometres, instead of what the labels say.
    overwrite
        Replace `out` if it is there.
    on_event
        Gets progress, and a note of what each step did.
    should_stop
        Asked again and again; True ends the work, and leaves nothing.

    Returns
    -------
    numpy.ndarray or pathlib.Path
        Without `out`: the ids, of the shape of the labels without channels, in the smallest unsigned type
        that holds them. With `out`: its path.

    Raises
    ------
    CristaeError
        A subclass that tells what is wrong and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.array([[1, 0, 2, 2], [0, 0, 2, 2]])
    >>> notes = []
    >>> clean(cells, minimum_voxels=2, on_event=notes.append)
    array([[0, 0, 2, 2],
           [0, 0, 2, 2]], dtype=uint8)
    >>> [event.sentence for event in notes if isinstance(event, Note)]
    ['1 of 2 objects was smaller than 2 voxels and was removed.']
    """
    from cristae.door import arguments as kinds
    from cristae.door.mended import to_array, to_file
    from cristae.door.sources import as_exact_labels
    from cristae.door.targets import check_target
    from cristae.labels.cleaning.steps import Steps, Work, mended
    from cristae.volumes import create_output, told_of

    kinds.check_arguments(
        out=(out, kinds.PATH | kinds.NOTHING),
        merge=(merge, kinds.GROUPS),
        split=(split, kinds.POINTS | kinds.NOTHING),
        fill_holes=(fill_holes, kinds.TRUTH),
        smooth_nm=(smooth_nm, kinds.NUMBER | kinds.NOTHING),
        minimum_nm3=(minimum_nm3, kinds.NUMBER | kinds.NOTHING),
        minimum_voxels=(minimum_voxels, kinds.WHOLE | kinds.NOTHING),
        border=(border, kinds.BORDER),
        voxel_size_nm=(voxel_size_nm, kinds.SIDES | kinds.NOTHING),
        overwrite=(overwrite, kinds.TRUTH),
        on_event=(on_event, kinds.FUNCTION),
        should_stop=(should_stop, kinds.FUNCTION),
    )
    steps = Steps(
        merge=kinds.plain(merge),
        split={int(one): kinds.plain(points) for one, points in (split or {}).items()},
        fill_holes=fill_holes,
        smooth_nm=kinds.plain(smooth_nm),
        minimum_nm3=kinds.plain(minimum_nm3),
        minimum_voxels=kinds.plain(minimum_voxels),
        at_border=border == "remove",
    )
    steps.check()
    if out is not None:
        check_target(out, labels, overwrite=overwrite)
    image = as_exact_labels(labels, kinds.plain(voxel_size_nm))
    for note in told_of([image]):
        on_event(note)
    steps.check_for(image)
    if out is not None:  # what type the ids need is known at the end; that the place can be written, now
        create_output(out, (1, *image.shape_czyx[1:]), "uint8", overwrite=overwrite).discard()
    work = Work(on_event, should_stop)
    objects = mended(image, steps, work, is_written=out is not None)
    if out is None:
        voxels = to_array(objects, work)
        return voxels[0] if getattr(labels, "ndim", 3) == 2 else voxels
    to_file(objects, out, overwrite=overwrite, work=work)
    return Path(out)
