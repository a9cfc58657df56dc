"""Data at rest: sealed volumes, uploads, results, and the files that people bring."""

from cristae.volumes.blocks import BlockGrid, block_shape_for
from cristae.volumes.classes import LabelClass
from cristae.volumes.digest import array_digest, block_digest, volume_digest
from cristae.volumes.image import ArrayImage, Image
from cristae.volumes.opening import open_image
from cristae.volumes.spec import DTYPES, VolumeSpec, VoxelSize

__all__ = [
    "DTYPES",
    "ArrayImage",
    "BlockGrid",
    "Image",
    "LabelClass",
    "VolumeSpec",
    "VoxelSize",
    "array_digest",
    "block_digest",
    "block_shape_for",
    "open_image",
    "volume_digest",
]
