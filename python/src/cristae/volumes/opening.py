"""One door for the files that people bring."""

from pathlib import Path

from cristae.errors import InvalidInput
from cristae.volumes.conversion import as_image
from cristae.volumes.image import Image
from cristae.volumes.import_tiff import TiffImage


def open_image(path: Path | str, *, key: str | None = None) -> Image:
    """Open a file or folder as an image; voxels are read only when a box is asked for.

    Parameters
    ----------
    path
        A TIFF, ImageJ TIFF or OME-TIFF.
    key
        The data set inside a file that holds several.

    Returns
    -------
    Image
        Its `notes` say in sentences what was assumed or changed.

    Raises
    ------
    InvalidInput
        It is missing, damaged, cut off, coloured, complex, or has axes that cannot be told.
    """
    place = Path(path)
    if place.suffix.lower() in (".tif", ".tiff"):
        return as_image(TiffImage(place))
    raise InvalidInput(f"{place.name} is not a kind of file that Cristae reads.")
