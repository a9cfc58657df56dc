"""The steps of cleaning, one after the other, and their result: what a command and a server's job share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Note, Progress
from cristae.geometry import Box
from cristae.labels.cleaning.border import remove_at_border
from cristae.labels.cleaning.holes import fill_holes
from cristae.labels.cleaning.merging import check_group, merge_groups
from cristae.labels.cleaning.objects import Objects, OnProgress, smallest_type
from cristae.labels.cleaning.small import check_minimum, remove_small
from cristae.labels.cleaning.smoothing import check_radius, smooth
from cristae.labels.cleaning.splitting import boxes_of, check_points, split
from cristae.labels.shapes import check_same_shape
from cristae.volumes import DTYPES, Image, VoxelSize
from cristae.volumes.blocks import block_shape_for
from cristae.volumes.writer import Output

_LARGEST_WRITTEN = 2**32 - 1

_STEPS = 0.7
"""Of the whole work; the rest is the result. Only the progress bar depends on it."""


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

    def check_for(self, image: Image) -> None:
        """Refuse what can never be done to a label image, without reading a voxel.

        Raises
        ------
        InvalidInput
            There is nothing to do, a step is not complete, a point is not in the image, or a length needs the
            size of a voxel and that is not known.

        Examples
        --------
        >>> from cristae.volumes import ArrayImage
        >>> Steps(merge=[(3, 3)]).check_for(ArrayImage(np.zeros((2, 3), np.uint8)))
        Traceback (most recent call last):
            ...
        cristae.errors.InvalidInput: To merge, name two objects at least, by numbers from 1 on, not 3, 3.
        """
        self.check()
        check_same_shape(image.shape_czyx, (1, *image.shape_czyx[1:]), image="volume")
        shape_zyx = image.shape_czyx[1:]
        for group in self.merge:
            check_group(group)
        for one, points in self.split.items():
            check_points(one, points, shape_zyx)
        if self.smooth_nm is not None:
            check_radius(self.smooth_nm, image.voxel_size, is_flat=shape_zyx[0] == 1)
        if self.minimum_nm3 is not None or self.minimum_voxels is not None:
            check_minimum(image.voxel_size, self.minimum_nm3, self.minimum_voxels, is_flat=shape_zyx[0] == 1)


def mended(image: Image, steps: Steps, work: "Work", *, is_written: bool) -> Objects:
    """Do the steps, and tell what each did.

    Parameters
    ----------
    image
        The labels.
    steps
        What is to be done.
    work
        Is told of it.
    is_written
        Whether the result goes into a file or volume: ids that none holds are refused before the first step.

    Raises
    ------
    InvalidInput
        A step names an object that is not there, or ids are too large to be written.
    """
    size = image.voxel_size
    todo = _by_rule(steps, size)
    parts = iter(work.parts(1 + bool(steps.split) + len(todo)))
    objects = Objects.of(image, on_progress=next(parts)("Counting objects"))
    had_none = not objects.ids.size
    if is_written:
        stored_type(objects)
    if steps.merge:
        objects, sentences = merge_groups(objects, steps.merge)
        work.note(*sentences)
    boxes = boxes_of(objects, steps.split, next(parts)("Finding objects")) if steps.split else {}
    for one, points in steps.split.items():
        work.check()
        objects, sentence = split(objects, one, points, size, boxes.get(one))
        work.note(sentence)
    for stage, step in todo:
        objects, sentence = step(objects, next(parts)(stage))
        work.note(sentence)
    if not objects.ids.size:
        what = "The labels hold no object" if had_none else "No object is left"
        work.warn(f"{what}: every voxel of the result is 0.")
    return objects


type _Step = Callable[[Objects, OnProgress], tuple[Objects, str]]


def _by_rule(steps: Steps, size: VoxelSize | None) -> list[tuple[str, _Step]]:
    """Return the steps that are for all objects."""
    todo: list[tuple[str, _Step]] = []
    if steps.fill_holes:
        todo.append(("Filling holes", fill_holes))
    if (radius_nm := steps.smooth_nm) is not None:
        todo.append(("Smoothing", lambda objects, tell: smooth(objects, radius_nm, size, tell)))
    if steps.minimum_nm3 is not None or steps.minimum_voxels is not None:
        todo.append(("Removing small objects", lambda objects, tell: _remove_small(objects, size, steps)))
    if steps.at_border:
        todo.append(("Looking at the border", remove_at_border))
    return todo


def _remove_small(objects: Objects, size: VoxelSize | None, steps: Steps) -> tuple[Objects, str]:
    return remove_small(objects, size, minimum_nm3=steps.minimum_nm3, minimum_voxels=steps.minimum_voxels)


class Work:
    """Tells how far the work is and ends it when a person says so.

    Parameters
    ----------
    on_event
        Gets progress over the whole work, and notes.
    should_stop
        Asked each time that progress is told.
    """

    def __init__(self, on_event: Callable[[Event], None], should_stop: Callable[[], bool]) -> None:
        self._on_event, self._should_stop = on_event, should_stop

    def check(self) -> None:
        """Raise if the work is to end."""
        if self._should_stop():
            raise Cancelled("Cleaning was stopped.")

    def note(self, *sentences: str) -> None:
        """Tell what was done."""
        for sentence in sentences:
            self._on_event(Note(sentence))

    def warn(self, sentence: str) -> None:
        """Tell what is hardly wanted."""
        self._on_event(Note(sentence, is_warning=True))

    def parts(self, count: int) -> list[Callable[[str], OnProgress]]:
        """Return, for each of the steps, what gives its progress a name; all of them end at `_STEPS`."""
        return [partial(self._part, _STEPS * index / count, _STEPS / count) for index in range(count)]

    def writing(self) -> OnProgress:
        """Return what takes the progress of the result, which comes last."""
        return self._part(_STEPS, 1 - _STEPS, "Writing")

    def _part(self, begin: float, share: float, stage: str) -> OnProgress:
        def tell(fraction: float) -> None:
            self.check()
            self._on_event(Progress(stage, min(1.0, begin + share * fraction)))

        return tell


def stored_type(objects: Objects) -> np.dtype[Any]:
    """Return the smallest type that holds all ids, or refuse ids that no file and no volume holds.

    Raises
    ------
    InvalidInput
        They go beyond 2^32 - 1.
    """
    dtype = smallest_type(objects.ids)
    if dtype.name not in DTYPES:
        raise InvalidInput(
            f"The ids go up to {int(objects.ids.max())}, but all that Cristae writes (TIFF, OME-Zarr, HDF5, "
            f"volumes of a server) holds ids up to {_LARGEST_WRITTEN}. Number the objects anew from 1 "
            "before, with the program that wrote them or skimage.segmentation.relabel_sequential, or take "
            "the result as an array in Python."
        )
    return dtype


def write_objects(objects: Objects, output: Output, work: Work) -> None:
    """Write all ids into an output of :func:`stored_type`; it is not sealed."""

    def put(box: Box, ids: npt.NDArray[Any]) -> None:
        output.write(box, ids[None])

    depth = block_shape_for(output.shape_czyx, output.dtype.itemsize)[1]
    objects.write(put, work.writing(), depth)
