"""What cleaning leaves, as an array or a file."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cristae.labels.cleaning import Objects, smallest_type
from cristae.labels.cleaning.steps import Work, stored_type, write_objects
from cristae.volumes import create_output


def to_array(objects: Objects, work: Work) -> NDArray[Any]:
    """Return the ids (z, y, x)."""
    return objects.in_memory(smallest_type(objects.ids).itemsize, "The result", work.writing())


def to_file(
    objects: Objects,
    out: str | Path,
    *,
    overwrite: bool,
    work: Work,
) -> None:
    """Write the ids with the calibration of the labels; the file appears when it is complete."""
    dtype = stored_type(objects)
    depth, height, width = objects.shape_zyx
    output = create_output(
        out,
        (1, depth, height, width),
        dtype,
        objects.image.voxel_size,
        name=Path(out).name.split(".")[0],
        labels=True,
        overwrite=overwrite,
    )
    try:
        write_objects(objects, output, work)
        output.seal()
    except BaseException:
        output.discard()
        raise
