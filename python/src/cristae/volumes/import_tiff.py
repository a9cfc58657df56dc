"""TIFF, ImageJ TIFF and OME-TIFF as images.

Voxels that lie in one piece are mapped for the time of a read, so that memory stays that of the box; others
are decoded page by page.  Every declared size is checked against the file before a voxel is read: a file of
600 bytes can ask for 37 GiB, and tifffile reports a file that was cut off only to its log and then shows
fewer sections.
"""

import logging
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import tifffile

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes.axes import AxisOrder, order_axes
from cristae.volumes.image import Voxels, check_box
from cristae.volumes.spec import VoxelSize, check_shape
from cristae.volumes.units import nm_per_unit, plain_unit, voxel_size_in

_MOST_COMPRESSED = 2**17
"""No codec of TIFF shrinks microscope data or empty labels by more than this."""
_PAGE_CACHE_BYTES = 128 * 1024 * 1024
_PYTHON_OBJECT = re.compile(r"<tifffile[^>]*> ?")
_SIGNS_OF_DAMAGE = ("invalid page offset", "series metadata invalid", "failed to reshape", "corrupted")


class TiffImage:
    """The first image series of a TIFF file, with the number type of the file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InvalidInput
        It is not a TIFF file, damaged, cut off, coloured, or has axes that are not c, z, y, x.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._lock = threading.Lock()
        self._recent: OrderedDict[int, Voxels] = OrderedDict()
        with _damage_noticed(path):
            handle = path.open("rb")
            # Closed with the image, and at once if tifffile gives up half-way.
            close = weakref.finalize(self, handle.close)
            try:
                self._file = tifffile.TiffFile(handle)
                self._look_inside()
            except BaseException:
                close()
                raise
            if self._start is not None:
                close()

    def _look_inside(self) -> None:
        series = self._file.series[0]
        self.lies_in_several_files = bool(series.is_multifile)
        refuse_colours(self.name, series.axes, series.shape, series.keyframe.photometric)
        order = order_axes(self.name, series.axes, series.shape)
        self._order: AxisOrder = order
        self.shape_czyx = check_shape(order.shape_czyx)
        self.dtype: np.dtype[Any] = np.dtype(series.dtype).newbyteorder("=")
        self.notes: tuple[str, ...] = order.notes
        if len(self._file.series) > 1:
            self.notes += (f"The file holds {len(self._file.series)} images; the first is read.",)
        self.voxel_size: VoxelSize | None = _voxel_size(self._file)
        size = self._file.filehandle.size
        offset = series.dataoffset
        self._start: int | None = None if offset is None else int(offset)
        if self._start is not None:
            if self._start + series.nbytes > size:
                raise InvalidInput(
                    f"{self.name} should hold {series.nbytes} bytes of voxels but has only {size} bytes; it "
                    "was cut off. Copy or save it again."
                )
            self._stored = series.dtype.newbyteorder(self._file.byteorder)
            self._stored_shape = tuple(int(length) for length in series.shape)
            return
        if series.nbytes > size * _MOST_COMPRESSED:
            raise InvalidInput(
                f"{self.name} has {size} bytes but asks for {series.nbytes} bytes of voxels; that is no real "
                "image."
            )
        self._pages = series.pages
        if order.page_count != len(self._pages):
            raise InvalidInput(
                f"{self.name} should hold {order.page_count} sections but has {len(self._pages)}; save it "
                "again."
            )
        for number, page in enumerate(self._pages):
            _check_page(self.name, number, page, size)

    def read(self, box_zyx: Box) -> Voxels:
        """Return the voxels (c, z, y, x) of a box, a fresh array."""
        check_box(box_zyx, self.shape_czyx)
        (z0, y0, x0), (z1, y1, x1) = box_zyx.start, box_zyx.stop
        read = np.empty((self.shape_czyx[0], *box_zyx.shape), self.dtype)
        if self._start is not None:
            # Mapped anew each time: what stays mapped counts as memory of this process.
            mapped = np.memmap(self._path, self._stored, "r", self._start, self._stored_shape)
            planes = mapped.reshape(self._order.page_count, *self.shape_czyx[2:])
            for c in range(self.shape_czyx[0]):
                for z in range(z0, z1):
                    read[c, z - z0] = planes[self._order.page(c, z), y0:y1, x0:x1]
            return read
        for c in range(self.shape_czyx[0]):
            for z in range(z0, z1):
                read[c, z - z0] = self._plane(self._order.page(c, z))[y0:y1, x0:x1]
        return read

    def _plane(self, number: int) -> Voxels:
        with self._lock:
            if number in self._recent:
                self._recent.move_to_end(number)
                return self._recent[number]
            with _damage_noticed(self._path):
                plane = np.asarray(cast(Any, self._pages[number]).asarray()).reshape(self.shape_czyx[2:])
            self._recent[number] = plane
            while len(self._recent) > 1 and len(self._recent) * plane.nbytes > _PAGE_CACHE_BYTES:
                self._recent.popitem(last=False)
            return plane


def refuse_colours(name: str, axes: str, shape: tuple[int, ...], photometric: int | None = None) -> None:
    """Refuse an image with colours; which of them means what is not ours to guess."""
    samples = dict(zip(axes, shape, strict=True)).get("S", 1)
    if samples > 1 or photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
        # What tifffile makes of an array of three or four sections, unless it is told better.
        sections = " If these are sections, write them with photometric='minisblack'."
        raise InvalidInput(
            f"{name} is a colour (RGB) image, but grey values or labels are needed. In ImageJ choose "
            "Image > Type > 8-bit, or Image > Color > Split Channels and take one."
            + (sections if axes.startswith("S") else "")
        )


def _check_page(name: str, number: int, page: Any, size: int) -> None:
    if page is None:
        raise InvalidInput(f"Section {number} of {name} is missing; save the image again.")
    counts, offsets = page.databytecounts, page.dataoffsets
    if not counts or min(counts) < 1 or max(map(int.__add__, map(int, counts), map(int, offsets))) > size:
        raise InvalidInput(
            f"{name} has {size} bytes, but the voxels of section {number} should lie behind its end or are "
            "missing; it was cut off. Copy or save it again."
        )


@contextmanager
def _damage_noticed(path: Path) -> Iterator[None]:
    """Turn whatever tifffile or a codec says about a broken file, or only logs, into one sentence."""
    said: list[str] = []
    own_thread = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if record.thread == own_thread and any(sign in message for sign in _SIGNS_OF_DAMAGE):
                said.append(_PYTHON_OBJECT.sub("", message))

    listener = Listener(logging.WARNING)
    logger = logging.getLogger("tifffile")
    logger.addHandler(listener)
    advice = "It is not a TIFF file, damaged, or was cut off; copy or save it again."
    try:
        yield
    except (InvalidInput, MemoryError):
        raise
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path.name}.") from error
    except PermissionError as error:
        raise InvalidInput(f"{path.name} may not be read by this user.") from error
    except Exception as error:  # The decoders of broken files raise anything.
        raise InvalidInput(
            f"{path.name} cannot be read ({str(error)[:200] or type(error).__name__}). {advice}"
        ) from error
    finally:
        logger.removeHandler(listener)
    if said:
        raise InvalidInput(f"{path.name} cannot be read completely ({said[0][:200]}). {advice}")


def _voxel_size(file: tifffile.TiffFile) -> VoxelSize | None:
    if file.imagej_metadata is not None:
        return _imagej_voxel_size(file)
    if file.ome_metadata is not None:
        return _ome_voxel_size(file.ome_metadata)
    return None


def _imagej_voxel_size(file: tifffile.TiffFile) -> VoxelSize | None:
    """Read ImageJ's calibration: a unit, pixels per unit, and a spacing that is 1 if not stated."""
    metadata = file.imagej_metadata or {}
    tags = file.pages.first.tags
    lengths = []
    for name in ("YResolution", "XResolution"):
        count, per = tags[name].value if name in tags else (0, 1)
        lengths.append(per / count if count else 0.0)
    spacing = metadata.get("spacing", 1.0)
    if not isinstance(spacing, int | float):
        return None
    return voxel_size_in(str(metadata.get("unit", "")), abs(float(spacing)), *lengths)


def _ome_voxel_size(xml: str) -> VoxelSize | None:
    image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    lengths = []
    for axis in "ZYX":
        value = pixels.get(f"PhysicalSize{axis}")
        if value is None and axis == "Z" and int(pixels.get("SizeZ", 1)) == 1:
            value = pixels.get("PhysicalSizeX")  # One section has no distance to a next one.
            axis = "X"
        factor = nm_per_unit(str(pixels.get(f"PhysicalSize{axis}Unit", "\u00b5m")))
        if value is None or factor is None:
            return None
        lengths.append(float(value) * factor)
    size = voxel_size_in("nm", *lengths)
    unit = plain_unit(str(pixels.get("PhysicalSizeXUnit", "\u00b5m")))
    return None if size is None else VoxelSize(*size.zyx_nm, display_unit=unit)
