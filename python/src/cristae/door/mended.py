"""The steps of cleaning, one after the other, and the result as an array or a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Note, Progress
from cristae.geometry import Box
from cristae.labels.cleaning import (
    Objects,
    fill_holes,
    merge,
    remove_at_border,
    remove_small,
    smallest_type,
    smooth,
    split,
)
from cristae.volumes import DTYPES, Image, create_output

LARGEST_ID_IN_A_FILE = 2**32 - 1


@dataclass(frozen=True)
class Steps:
    """What is to be done, in this order; see :func:`cristae.clean`."""

    merge: Sequence[Sequence[int]] = ()
    split: Mapping[int, Sequence[tuple[int, int, int]]] = field(default_factory=dict)
    fill_holes: bool = False
    smooth_nm: float | None = None
    minimum_nm3: float | None = None
    minimum_voxels: int | None = None
    at_border: bool = False

    def check(self) -> None:
        """Refuse when there is nothing to do, before anything is read."""
        sizes = self.smooth_nm, self.minimum_nm3, self.minimum_voxels
        if not (self.merge or self.split or self.fill_holes or self.at_border) and sizes == (None,) * 3:
            raise InvalidInput("There is nothing to do. Name a step, such as a minimum size.")


def mended(
    image: Image, steps: Steps, on_event: Callable[[Event], None], should_stop: Callable[[], bool]
) -> Objects:
    """Do the steps, and tell what each did."""
    size = image.voxel_size
    todo: list[Callable[[Objects], tuple[Objects, str]]] = []
    todo += [lambda objects, ids=ids: merge(objects, ids) for ids in steps.merge]  # type: ignore[misc]
    todo += [
        lambda objects, one=one, points=points: split(objects, one, points, size)  # type: ignore[misc]
        for one, points in steps.split.items()
    ]
    if steps.fill_holes:
        todo.append(fill_holes)
    if (radius_nm := steps.smooth_nm) is not None:
        todo.append(lambda objects: smooth(objects, radius_nm, size))
    if steps.minimum_nm3 is not None or steps.minimum_voxels is not None:
        least = {"minimum_nm3": steps.minimum_nm3, "minimum_voxels": steps.minimum_voxels}
        todo.append(lambda objects: remove_small(objects, size, **least))  # type: ignore[arg-type]
    if steps.at_border:
        todo.append(remove_at_border)
    objects = Objects.of(image)
    for step in todo:
        if should_stop():
            raise Cancelled("Cleaning was stopped.")
        objects, sentence = step(objects)
        on_event(Note(sentence))
    return objects


def to_array(objects: Objects) -> NDArray[Any]:
    """Return the ids (z, y, x)."""
    return objects.in_memory(smallest_type(objects.ids).itemsize, "The result")


def to_file(
    objects: Objects,
    out: str | Path,
    *,
    overwrite: bool,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> None:
    """Write the ids with the calibration of the labels; the file appears when it is complete."""
    dtype = smallest_type(objects.ids)
    if dtype.name not in DTYPES:
        raise InvalidInput(
            f"The ids go up to {int(objects.ids.max())}, and files hold ids up to {LARGEST_ID_IN_A_FILE}. "
            "Number the objects anew, or take the result as an array in Python."
        )
    output = create_output(
        out,
        (1, *objects.image.shape_czyx[1:]),
        dtype,
        objects.image.voxel_size,
        name=Path(out).name.split(".")[0],
        labels=True,
        overwrite=overwrite,
    )

    def put(box: Box, ids: NDArray[Any]) -> None:
        if should_stop():
            raise Cancelled("Cleaning was stopped.")
        output.write(box, ids[None])

    try:
        objects.write(put, lambda done: on_event(Progress("Writing", done)))
        output.seal()
    except BaseException:
        output.discard()
        raise
