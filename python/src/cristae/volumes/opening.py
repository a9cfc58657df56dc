"""One door for the files that people bring.

The library for a kind of file is loaded when such a file is opened: all of them together take seconds, in
every process that opens but one.
"""

from pathlib import Path

from cristae.errors import InvalidInput
from cristae.volumes.conversion import Source, as_image
from cristae.volumes.image import ArrayImage, Image
from cristae.volumes.kinds import HDF5, MRC, NIFTI, PICTURES, TIFF, is_n5, is_zarr, split_key


def open_image(path: Path | str, *, key: str | None = None, find_gaps: bool = True) -> Image:
    """Open a file or folder as an image; voxels are read only when a box is asked for.

    Parameters
    ----------
    path
        A TIFF, ImageJ TIFF or OME-TIFF; a folder of slices; an OME-Zarr (0.4, 0.5) or plain Zarr folder; an
        HDF5 file or an N5 folder, with the array behind a colon (``cells.h5:raw``) if there are several; an
        MRC or NIfTI file; a PNG, JPEG or BMP picture.
    key
        The data set of an HDF5 file or the array of a Zarr or N5 group.
    find_gaps
        As for :func:`open_source`.

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
    return as_image(open_source(place, key or inside, find_gaps=find_gaps))


def open_source(place: Path, key: str | None, *, find_gaps: bool = True) -> Source:
    """Open a file or folder as `open_image` does, with the number type that it has.

    Without `find_gaps` it is not looked which chunks of a store are missing, which takes time.
    """
    suffix = place.suffix.lower()
    if not place.exists():
        raise InvalidInput(f"There is no file or folder {place}. Check the name.")
    if place.is_dir():
        if is_zarr(place):
            from cristae.volumes.import_zarr import open_zarr

            return open_zarr(place, key, find_gaps=find_gaps)
        if is_n5(place):
            from cristae.volumes.import_n5 import open_n5

            return open_n5(place, key, find_gaps=find_gaps)
        if suffix == ".zarr":
            raise InvalidInput(f"{place.name} holds no Zarr metadata; the copy may be incomplete.")
        from cristae.volumes.import_folder import SliceFolder

        return SliceFolder(place)
    if suffix in TIFF:
        from cristae.volumes.import_tiff import TiffImage

        return TiffImage(place)
    if suffix in HDF5:
        from cristae.volumes.import_hdf5 import Hdf5Image

        return Hdf5Image(place, key)
    if suffix in MRC:
        from cristae.volumes.import_mrc import open_mrc

        return open_mrc(place)
    if place.name.lower().endswith(NIFTI):
        from cristae.volumes.import_nifti import open_nifti

        return open_nifti(place)
    if suffix in PICTURES:
        from cristae.volumes.import_folder import read_picture

        return ArrayImage(read_picture(place), name=place.name)
    raise InvalidInput(
        f"{place.name} is not a kind of file that Cristae reads (TIFF, OME-Zarr, HDF5, N5, MRC, NIfTI, "
        "PNG, JPEG, or a folder of slices). In ImageJ open it and choose File > Save As > Tiff."
    )


def images_in(place: Path) -> list[str]:
    """Return the keys of the images in a file or folder that holds several; [] if it holds one, or none.

    Raises
    ------
    InvalidInput
        It is damaged.
    """
    if place.suffix.lower() in HDF5:
        from cristae.volumes.import_hdf5 import images_of_hdf5

        names = images_of_hdf5(place)
    elif is_zarr(place):
        from cristae.volumes.import_zarr import arrays_of_zarr

        names = arrays_of_zarr(place)
    elif is_n5(place):
        from cristae.volumes.import_n5 import arrays_of_n5

        names = arrays_of_n5(place)
    else:
        names = []
    return names if len(names) > 1 else []
