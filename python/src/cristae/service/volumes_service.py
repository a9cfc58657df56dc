"""The service Volumes: sending, fetching and listing volumes."""

import asyncio
from collections.abc import AsyncIterator
from itertools import batched
from typing import Any

import grpc

from cristae.errors import Busy, InvalidInput
from cristae.geometry import Box
from cristae.service.house import House
from cristae.service.messages import (
    box_zyx,
    check_digest,
    shape_message,
    spec_message,
    volume_spec,
    voxel_size_message,
)
from cristae.service.offers import Offer
from cristae.service.pages import page_of, page_size
from cristae.service.status import AnotherStream, OutsideVolume
from cristae.service.streams import arriving
from cristae.service.wire import SentBlock, block_message, sent_block
from cristae.v1 import volumes_pb2, volumes_pb2_grpc
from cristae.volumes import StoredVolume, Upload

type Context = grpc.aio.ServicerContext[Any, Any]

_TOGETHER = 4
"""Blocks that a thread writes or reads at a time, while as many others arrive or leave."""


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
        # A stream that broke unnoticed must not write on behind the position that is told now.
        self._writers.pop(opened.id, None)
        return await self._house.quick(_status, opened)

    async def WriteBlocks(  # noqa: N802
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[volumes_pb2.UploadStatus]:
        """Write blocks while the next ones arrive; the newest stream of an upload is the one that writes."""
        mine = object()
        upload: Upload | None = None
        try:
            async with arriving(requests, _TOGETHER) as batches:
                async for batch in batches:
                    blocks = [sent_block(data, self._house.limits) for data in batch]
                    if upload is None:
                        upload = await self._house.quick(self._house.store.upload, blocks[0].upload_id)
                        self._writers[upload.id] = mine
                    if any(block.upload_id != upload.id for block in blocks):
                        raise InvalidInput("A stream of blocks belongs to one upload; open another stream.")
                    await self._house.block(self._write, upload, blocks, mine)
                    yield _status(upload)
        finally:
            if upload is not None and self._writers.get(upload.id) is mine:
                del self._writers[upload.id]

    def _write(self, upload: Upload, blocks: list[SentBlock], mine: object) -> None:
        for block in blocks:
            # Looked at before each block: a stream that broke must not write on beside the next one.
            if self._writers.get(upload.id) is not mine:
                raise AnotherStream("Another window sends the same image now; wait until it is there.")
            upload.write(block.index, block.offset, block.crc32c, block.voxels)

    async def GetUploadStatus(  # noqa: N802
        self, request: volumes_pb2.GetUploadStatusRequest, context: Context
    ) -> volumes_pb2.UploadStatus:
        """Tell how far an upload got."""
        upload = await self._house.quick(self._house.store.upload, request.upload_id)
        return await self._house.quick(_status, upload)

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
        batches = batched(wanted, _TOGETHER)
        reading = self._reading(volume, next(batches, ()))
        try:
            while messages := await reading:
                reading = self._reading(volume, next(batches, ()))
                for message in messages:
                    yield message
        finally:
            reading.cancel()

    def _reading(self, volume: StoredVolume, indices: tuple[int, ...]) -> asyncio.Future[list[bytes]]:
        return asyncio.ensure_future(self._house.block(_read, volume, indices))

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

    async def ListFoundVolumes(  # noqa: N802
        self, request: volumes_pb2.ListFoundVolumesRequest, context: Context
    ) -> volumes_pb2.ListFoundVolumesResponse:
        """List what lies under the data root."""
        offers = self._house.offers
        if offers is None:
            raise Busy("This server has no data root: its owner names one when starting it.")
        size = page_size(request.page_size, self._house.limits)
        page = await self._house.joined(
            f"found {size} {request.page}", lambda: self._house.look(offers.page, size, request.page)
        )
        return volumes_pb2.ListFoundVolumesResponse(
            volumes=map(found_message, page.offers), next_page=page.next_page, notes=page.notes
        )

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


def _read(volume: StoredVolume, indices: tuple[int, ...]) -> list[bytes]:
    messages = []
    for index in indices:
        voxels, crc32c = volume.read_block_and_crc(index)
        messages.append(block_message(index, volume.spec.blocks.offset(index), crc32c, voxels))
    return messages


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


def found_message(offer: Offer) -> volumes_pb2.FoundVolume:
    """Return an image under the data root as a message."""
    about = offer.about
    if about.problem:
        return volumes_pb2.FoundVolume(name=offer.name, problem=about.problem)
    return volumes_pb2.FoundVolume(
        volume_id=offer.volume_id,
        name=offer.name,
        shape=shape_message(about.shape_czyx),
        stored_type=about.dtype,
        voxel_size=voxel_size_message(about.voxel_size),
        notes=about.notes,
    )
