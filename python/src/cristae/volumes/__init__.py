"""Data at rest: sealed volumes, uploads, results, and the files that people bring."""

from cristae.volumes.blocks import BlockGrid, block_shape_for
from cristae.volumes.classes import LabelClass
from cristae.volumes.digest import array_digest, block_digest, volume_digest
from cristae.volumes.image import ArrayImage, Image
from cristae.volumes.opening import open_image
from cristae.volumes.output import create_output
from cristae.volumes.spec import DTYPES, VolumeSpec, VoxelSize
from cristae.volumes.store import VolumeStore
from cristae.volumes.stored import StoredVolume
from cristae.volumes.upload import Upload
from cristae.volumes.writer import Output, VolumeWriter

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
    "volume_digest",
]
