"""Pictures of what a model makes of places that its training held out: PNG files that name their classes."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, PngImagePlugin

from cristae.errors import CorruptData, InvalidInput
from cristae.volumes.classes import LabelClass
from cristae.volumes.durable import read_file

PREVIEW_FILE = "preview.png"
MAX_PREVIEW_BYTES = 1024 * 1024
_CLASSES = "Classes"


def encode_preview(page: Image.Image, classes: Sequence[LabelClass]) -> bytes:
    """Return a picture as a PNG that tells in which colours it shows which classes.

    Examples
    --------
    >>> png = encode_preview(Image.new("RGB", (3, 2)), [LabelClass(1, "mitochondria", 0xE69F00)])
    >>> classes_of(png)
    (LabelClass(value=1, name='mitochondria', rgb=15113984),)
    """
    told = PngImagePlugin.PngInfo()
    told.add_itxt(_CLASSES, json.dumps([[entry.value, entry.name, entry.rgb] for entry in classes]))
    file = io.BytesIO()
    page.save(file, "PNG", pnginfo=told)
    return file.getvalue()


def classes_of(png: bytes) -> tuple[LabelClass, ...]:
    """Return the classes that a picture names; none if :func:`encode_preview` did not make it."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as page:
            rows = json.loads(page.info[_CLASSES])
        return tuple(LabelClass(int(value), str(name), int(rgb)) for value, name, rgb in rows)
    except (OSError, KeyError, ValueError, TypeError, InvalidInput, Image.DecompressionBombError):
        return ()


def read_preview(folder: Path) -> bytes:
    """Read the preview of a model, or of a training that goes on: a PNG, empty if there is none.

    Raises
    ------
    CorruptData
        If it is no picture of the size that trainings make.
    """
    try:
        if (folder / PREVIEW_FILE).lstat().st_size > MAX_PREVIEW_BYTES:
            raise CorruptData(f"The {PREVIEW_FILE} is larger than {MAX_PREVIEW_BYTES} bytes; delete it.")
        return read_file(folder / PREVIEW_FILE)
    except OSError:
        return b""
