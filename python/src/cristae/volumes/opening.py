"""One door for the files that people bring."""

from pathlib import Path

from cristae.errors import InvalidInput
from cristae.volumes.conversion import as_image
from cristae.volumes.image import ArrayImage, Image
from cristae.volumes.import_folder import PICTURES, SliceFolder, read_picture
from cristae.volumes.import_hdf5 import SUFFIXES as HDF5
from cristae.volumes.import_hdf5 import Hdf5Image, split_key
from cristae.volumes.import_mrc import SUFFIXES as MRC
from cristae.volumes.import_mrc import open_mrc
from cristae.volumes.import_n5 import is_n5, open_n5
from cristae.volumes.import_nifti import ENDINGS as NIFTI
from cristae.volumes.import_nifti import open_nifti
from cristae.volumes.import_tiff import TiffImage
from cristae.volumes.import_zarr import is_zarr, open_zarr


def open_image(path: Path | str, *, key: str | None = None) -> Image:
    """Open a file or folder as an image; voxels are read only when a box is asked for.

    Parameters
    ----------
    path
        A TIFF, ImageJ TIFF or OME-TIFF; a folder of slices; an OME-Zarr (0.4, 0.5) or plain Zarr folder; an
        HDF5 file or an N5 folder, with the array behind a colon (``cells.h5:raw``) if there are several; an
        MRC or NIfTI file; a PNG, JPEG or BMP picture.
    key
        The data set of an HDF5 file or the array of a Zarr or N5 group.

    Returns
    -------
    Image
        Its `notes` say in sentences what was assumed or changed.

    Raises
    ------
    InvalidInput
        It is missing, damaged, cut off, coloured, complex, or has axes that cannot be told.
    """
    place, inside = split_key(Path(path))
    key = key or inside
    suffix = place.suffix.lower()
    if not place.exists():
        raise InvalidInput(f"There is no file or folder {place}. Check the name.")
    if place.is_dir():
        if is_zarr(place):
            return as_image(open_zarr(place, key))
        if is_n5(place):
            return as_image(open_n5(place, key))
        if suffix == ".zarr":
            raise InvalidInput(f"{place.name} holds no Zarr metadata; the copy may be incomplete.")
        return as_image(SliceFolder(place))
    if suffix in (".tif", ".tiff"):
        return as_image(TiffImage(place))
    if suffix in HDF5:
        return as_image(Hdf5Image(place, key))
    if suffix in MRC:
        return as_image(open_mrc(place))
    if place.name.lower().endswith(NIFTI):
        return as_image(open_nifti(place))
    if suffix in PICTURES:
        return ArrayImage(read_picture(place), name=place.name)
    raise InvalidInput(
        f"{place.name} is not a kind of file that Cristae reads (TIFF, OME-Zarr, HDF5, N5, MRC, NIfTI, "
        "PNG, JPEG, or a folder of slices). In ImageJ open it and choose File > Save As > Tiff."
    )
