"""What the tests of uploads share: a volume, its blocks, and a client that sends them."""

import google_crc32c
import numpy as np

from cristae.volumes import VolumeSpec, VoxelSize, array_digest

NM = VoxelSize(50, 4.6, 4.6, "micron")


def random_volume(shape=(1, 20, 300, 280), dtype="uint8", seed=0):
    values = np.random.default_rng(seed).integers(0, 200, shape)
    return values.astype(dtype)


def spec_of(voxels, name="stack.tif", classes=()):
    return VolumeSpec(voxels.shape, voxels.dtype.name, NM, name=name, classes=classes)


def block_bytes(voxels, spec, index):
    block = voxels[spec.blocks.box(index).slices]
    return np.ascontiguousarray(block, block.dtype.newbyteorder("<")).tobytes()


def open_upload(store, voxels):
    return store.open_upload(spec_of(voxels), array_digest(voxels, NM))


def send(upload, voxels, stop=None):
    """Send from where the upload stands, up to a block."""
    blocks = upload.spec.blocks
    for index in range(upload.next_block, blocks.count if stop is None else stop):
        data = block_bytes(voxels, upload.spec, index)
        upload.write(index, blocks.offset(index), google_crc32c.value(data), data)
    return upload
