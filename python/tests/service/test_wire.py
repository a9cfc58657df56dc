"""Blocks on the wire, against what the generated code makes of the same bytes; batches of what arrived."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cristae.errors import CristaeError, InvalidInput, LimitExceeded
from cristae.service.streams import arriving
from cristae.service.wire import block_message, sent_block
from cristae.settings import Limits
from cristae.v1 import volumes_pb2

LIMITS = Limits(max_block_bytes=1000)
NUMBERS = st.integers(0, 2**64 - 1)
BLOCKS = st.builds(
    volumes_pb2.Block,
    index=NUMBERS,
    offset=NUMBERS,
    crc32c=st.integers(0, 2**32 - 1),
    voxels=st.binary(max_size=300),
)


def same(sent, request):
    block = request.block
    return (sent.upload_id, sent.index, sent.offset, sent.crc32c, bytes(sent.voxels)) == (
        request.upload_id,
        block.index,
        block.offset,
        block.crc32c,
        block.voxels,
    )


@given(st.text("0123456789abcdef", max_size=40), BLOCKS)
def test_a_block_is_read_as_the_generated_code_reads_it(upload_id, block):
    request = volumes_pb2.WriteBlocksRequest(upload_id=upload_id, block=block)
    assert same(sent_block(request.SerializeToString(), LIMITS), request)


@given(BLOCKS)
def test_a_block_is_written_as_the_generated_code_reads_it(block):
    data = block_message(block.index, block.offset, block.crc32c, block.voxels)
    assert volumes_pb2.Block.FromString(data) == block


@given(st.lists(st.one_of(st.just("id"), BLOCKS, st.just(b"\x20\x01")), max_size=5))
def test_fields_that_come_twice_in_any_order_or_from_a_later_version_are_merged(parts):
    data = b""
    for part in parts:
        if isinstance(part, bytes):
            data += part
        elif part == "id":
            data += volumes_pb2.WriteBlocksRequest(upload_id="ab").SerializeToString()
        else:
            data += volumes_pb2.WriteBlocksRequest(block=part).SerializeToString()
    request = volumes_pb2.WriteBlocksRequest.FromString(data)
    assert same(sent_block(data, LIMITS), request)


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_with_a_sentence_or_read_as_the_generated_code_does(data):
    try:
        sent = sent_block(data, LIMITS)
    except CristaeError:
        return
    assert same(sent, volumes_pb2.WriteBlocksRequest.FromString(data))


@given(BLOCKS, st.integers(0, 400), st.integers(0, 255))
def test_a_message_with_a_wrong_byte_never_does_harm(block, place, byte):
    data = bytearray(volumes_pb2.WriteBlocksRequest(upload_id="ab", block=block).SerializeToString())
    data[place % len(data)] = byte
    try:
        sent = sent_block(bytes(data), LIMITS)
    except CristaeError:
        return
    assert sent.voxels.size <= len(data)


def test_a_message_that_is_cut_off_is_refused():
    whole = volumes_pb2.WriteBlocksRequest(
        upload_id="ab", block=volumes_pb2.Block(index=1, offset=300, crc32c=5, voxels=b"x" * 200)
    ).SerializeToString()
    for length in range(5, len(whole)):
        with pytest.raises(InvalidInput, match="cannot be read"):
            sent_block(whole[:length], LIMITS)


def test_a_block_that_is_too_large_is_refused():
    block = volumes_pb2.Block(voxels=bytes(1001))
    with pytest.raises(LimitExceeded, match="1001 bytes"):
        sent_block(volumes_pb2.WriteBlocksRequest(block=block).SerializeToString(), LIMITS)


async def numbers(count, failure=None):
    for number in range(count):
        yield number
    if failure:
        raise failure


def test_what_arrives_while_one_works_comes_together():
    async def collect():
        found = []
        async with arriving(numbers(9), 3) as batches:
            async for batch in batches:
                found.append(batch)
                await asyncio.sleep(0.01)
        return found

    found = asyncio.run(collect())
    assert [number for batch in found for number in batch] == list(range(9))
    assert max(map(len, found)) >= 3
    assert all(batch for batch in found)


def test_a_failure_of_the_sender_comes_after_what_it_sent():
    found = []

    async def collect():
        async with arriving(numbers(5, ValueError("broken")), 2) as batches:
            async for batch in batches:
                found.extend(batch)

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(collect())
    assert found == list(range(5))


def test_a_failure_of_the_worker_ends_the_taking():
    async def endless():
        while True:
            await asyncio.sleep(0)
            yield 1

    async def collect():
        async with arriving(endless(), 2) as batches:
            async for _ in batches:
                raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(asyncio.wait_for(collect(), 5))
