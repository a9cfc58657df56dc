"""Data at rest: sealed volumes, uploads, results, and the files that people bring.

Opening and writing files loads zarr, h5py and scikit-image, which takes seconds; a server and its workers
never need them, so these two names are loaded when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cristae.volumes.blocks import BlockGrid, block_shape_for
from cristae.volumes.classes import LabelClass
from cristae.volumes.digest import array_digest, block_digest, volume_digest
from cristae.volumes.image import ArrayImage, Image, told_of
from cristae.volumes.spec import DTYPES, VolumeSpec, VoxelSize
from cristae.volumes.store import VolumeStore, sealed_volumes
from cristae.volumes.stored import StoredVolume
from cristae.volumes.upload import Upload
from cristae.volumes.writer import Output, VolumeWriter

if TYPE_CHECKING:
    from cristae.volumes.opening import open_image
    from cristae.volumes.output import create_output

_LOADED_LATER = {"open_image": "cristae.volumes.opening", "create_output": "cristae.volumes.output"}

__all__ = [
    "DTYPES",
    "ArrayImage",
    "BlockGrid",
    "Image",
    "LabelClass",
    "Output",
    "StoredVolume",
    "Upload",
    "VolumeSpec",
    "VolumeStore",
    "VolumeWriter",
    "VoxelSize",
    "array_digest",
    "block_digest",
    "block_shape_for",
    "create_output",
    "open_image",
    "sealed_volumes",
    "told_of",
    "volume_digest",
]


def __getattr__(name: str) -> Any:
    if name in _LOADED_LATER:
        return getattr(import_module(_LOADED_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
