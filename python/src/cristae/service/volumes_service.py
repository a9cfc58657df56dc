"""The service Volumes: sending, fetching and listing volumes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import grpc

from cristae.errors import InvalidInput, LimitExceeded
from cristae.geometry import Box
from cristae.service.house import House
from cristae.service.messages import box_zyx, check_digest, spec_message, volume_spec
from cristae.service.pages import page_of, page_size
from cristae.service.status import AnotherStream, OutsideVolume
from cristae.v1 import volumes_pb2, volumes_pb2_grpc
from cristae.volumes import StoredVolume, Upload

type Context = grpc.aio.ServicerContext[Any, Any]

_ANSWER_EVERY = 2
_READ_AHEAD = 4
_VOXELS = volumes_pb2.Block.VOXELS_FIELD_NUMBER


class Volumes(volumes_pb2_grpc.VolumesServicer):
    """Uploads, blocks and lists over :class:`cristae.volumes.VolumeStore`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._writers: dict[str, object] = {}

    async def OpenUpload(  # noqa: N802 - the contract's name
        self, request: volumes_pb2.OpenUploadRequest, context: Context
    ) -> volumes_pb2.UploadStatus:
        """Open or continue an upload, or tell that the volume is there."""
        spec = volume_spec(request.spec, self._house.limits)
        digest = check_digest(request.digest, "The digest")
        opened = await self._house.quick(self._house.store.open_upload, spec, digest)
        if isinstance(opened, StoredVolume):
            total = opened.spec.blocks.total_bytes
            return volumes_pb2.UploadStatus(
                committed_bytes=total, total_bytes=total, sealed=volume_message(opened)
            )
        return _status(opened)

    async def WriteBlocks(  # noqa: N802
        self, requests: AsyncIterator[volumes_pb2.WriteBlocksRequest], context: Context
    ) -> AsyncIterator[volumes_pb2.UploadStatus]:
        """Write blocks while the next ones arrive; the newest stream of an upload is the one that writes."""
        mine = object()
        upload: Upload | None = None
        writing: asyncio.Future[int] | None = None
        unanswered = 0
        try:
            async for request in requests:
                if writing is not None:
                    await writing
                if upload is None:
                    upload = await self._house.quick(self._house.store.upload, request.upload_id)
                    self._writers[upload.id] = mine
                if request.upload_id != upload.id:
                    raise InvalidInput("A stream of blocks belongs to one upload; open another stream.")
                if self._writers.get(upload.id) is not mine:
                    raise AnotherStream("Another window sends the same image now; wait until it is there.")
                most = self._house.limits.max_block_bytes
                writing = asyncio.ensure_future(self._house.block(_write, upload, request.block, most))
                unanswered += 1
                if unanswered == _ANSWER_EVERY:
                    await writing
                    unanswered = 0
                    yield _status(upload)
            if writing is not None:
                await writing
            if upload is not None:
                yield _status(upload)
        finally:
            if writing is not None and not writing.done():
                await asyncio.wait([writing])
            if upload is not None and self._writers.get(upload.id) is mine:
                del self._writers[upload.id]

    async def GetUploadStatus(  # noqa: N802
        self, request: volumes_pb2.GetUploadStatusRequest, context: Context
    ) -> volumes_pb2.UploadStatus:
        """Tell how far an upload got."""
        return _status(await self._house.quick(self._house.store.upload, request.upload_id))

    async def SealUpload(  # noqa: N802
        self, request: volumes_pb2.SealUploadRequest, context: Context
    ) -> volumes_pb2.Volume:
        """Make a complete upload a volume."""

        async def seal() -> StoredVolume:
            upload = await self._house.quick(self._house.store.upload, request.upload_id)
            return await self._house.long(upload.seal)

        return volume_message(await self._house.joined(f"seal {request.upload_id}", seal))

    async def GetVolume(  # noqa: N802
        self, request: volumes_pb2.GetVolumeRequest, context: Context
    ) -> volumes_pb2.Volume:
        """Tell about one volume."""
        return volume_message(await self._open(request.volume_id))

    async def ReadBlocks(  # noqa: N802
        self, request: volumes_pb2.ReadBlocksRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send blocks, serialised already, while the next ones are read."""
        volume = await self._open(request.volume_id)
        shape = volume.spec.shape_czyx
        blocks = volume.spec.blocks
        if request.first_block >= blocks.count:
            raise OutsideVolume(
                f"The volume has the blocks 0 to {blocks.count - 1}, no {request.first_block}."
            )
        if request.HasField("box"):
            zyx = box_zyx(request.box, shape)
            box = Box((0, *(start for start, _ in zyx)), (shape[0], *(stop for _, stop in zyx)))
        else:
            box = Box.of_shape(shape)
        wanted = (index for index in blocks.touching(box) if index >= request.first_block)
        ahead: deque[asyncio.Future[bytes]] = deque()
        try:
            for index in wanted:
                ahead.append(asyncio.ensure_future(self._house.block(_read, volume, index)))
                if len(ahead) >= _READ_AHEAD:
                    yield await ahead.popleft()
            while ahead:
                yield await ahead.popleft()
        finally:
            for reading in ahead:
                reading.cancel()

    async def ListVolumes(  # noqa: N802
        self, request: volumes_pb2.ListVolumesRequest, context: Context
    ) -> volumes_pb2.ListVolumesResponse:
        """List volumes, newest first."""
        volumes = await self._house.quick(self._house.store.list)
        size = page_size(request.page_size, self._house.limits)
        shown, next_page = page_of(
            volumes, lambda volume: volume.created_s, lambda volume: volume.digest, size, request.page
        )
        return volumes_pb2.ListVolumesResponse(volumes=map(volume_message, shown), next_page=next_page)

    async def DeleteVolume(  # noqa: N802
        self, request: volumes_pb2.DeleteVolumeRequest, context: Context
    ) -> volumes_pb2.DeleteVolumeResponse:
        """Delete a volume unless a job needs it."""
        digest = check_digest(request.volume_id, "The volume id")
        async with self._house.changing:
            await self._house.refuse_if_needed(volume=digest)
            await self._house.quick(self._house.store.delete, digest)
        return volumes_pb2.DeleteVolumeResponse()

    async def _open(self, volume_id: str) -> StoredVolume:
        return await self._house.quick(self._house.store.open, check_digest(volume_id, "The volume id"))


def _write(upload: Upload, block: volumes_pb2.Block, most_bytes: int) -> int:
    voxels = block.voxels  # copies; that is why it is done here, in a thread
    if len(voxels) > most_bytes:
        raise LimitExceeded(f"A block has {len(voxels)} bytes; at most {most_bytes} are taken.")
    return upload.write(block.index, block.offset, block.crc32c, voxels)


def _read(volume: StoredVolume, index: int) -> bytes:
    voxels, crc32c = volume.read_block_and_crc(index)
    offset = volume.spec.blocks.offset(index)
    return serialized_block(volumes_pb2.Block(index=index, offset=offset, crc32c=crc32c), voxels)


def serialized_block(block: volumes_pb2.Block, voxels: bytes) -> bytes:
    """Return the bytes of a block message with these voxels; they are copied once instead of three times.

    Examples
    --------
    >>> block = volumes_pb2.Block(index=7, offset=42, crc32c=1)
    >>> volumes_pb2.Block.FromString(serialized_block(block, b"x" * 300)).voxels == b"x" * 300
    True
    """
    # In protobuf a message is the sequence of its fields, and the last one has this tag, its length and its
    # bytes.
    length, digits = len(voxels), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    digits.append(length)
    return b"".join((block.SerializeToString(), bytes([_VOXELS << 3 | 2]), digits, voxels))


def _status(upload: Upload) -> volumes_pb2.UploadStatus:
    return volumes_pb2.UploadStatus(
        upload_id=upload.id, committed_bytes=upload.committed_bytes, total_bytes=upload.total_bytes
    )


def volume_message(volume: StoredVolume) -> volumes_pb2.Volume:
    """Return a sealed volume as a message."""
    return volumes_pb2.Volume(
        volume_id=volume.digest,
        spec=spec_message(volume.spec),
        created_s=volume.created_s,
        stored_bytes=volume.stored_bytes,
    )
