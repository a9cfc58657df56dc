import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.errors import Cancelled, InvalidInput, LimitExceeded
from cristae.geometry import Box, grid
from cristae.volumes import (
    ArrayImage,
    BlockGrid,
    LabelClass,
    VolumeSpec,
    VoxelSize,
    array_digest,
    block_digest,
    block_shape_for,
)
from cristae.volumes.digest import check_digest, header, image_digest

VECTORS = Path(__file__).parents[3] / "tests" / "contract" / "digests.json"
CASES, BLOCK_RULE = (json.loads(VECTORS.read_text(encoding="utf-8"))[key] for key in ("cases", "block_rule"))


def voxels_of(case):
    formula = case["voxels"]
    index = np.arange(np.prod(case["shape"]), dtype=np.int64)
    values = (index * formula["multiplier"] + formula["addend"]) % formula["modulus"]
    values = values / formula["divisor"] - formula["subtrahend"]
    return values.astype(case["dtype"]).reshape(case["shape"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_client_gets_the_same_digest(case):
    voxels = voxels_of(case)
    size = VoxelSize(*case["voxel_nm"], case["unit"]) if case["voxel_nm"] else None
    spec = VolumeSpec(tuple(case["shape"]), case["dtype"], size)
    assert list(spec.block_shape_czyx) == case["block"]
    assert spec.blocks.count == case["block_count"]
    first = np.ascontiguousarray(voxels[spec.blocks.box(0).slices])
    assert block_digest(first).hex() == case["first_block_sha256"]
    assert array_digest(voxels, size) == case["digest"]
    assert array_digest(voxels.astype(voxels.dtype.newbyteorder(">")), size) == case["digest"]


@pytest.mark.parametrize("case", BLOCK_RULE, ids=lambda case: str(case["shape"]))
def test_every_client_cuts_the_same_blocks(case):
    assert list(block_shape_for(case["shape"], case["item_bytes"])) == case["block"]


def test_the_header_is_one_line_of_json_without_spaces():
    spec = VolumeSpec((1, 1, 2, 3), "uint16", VoxelSize(1, 2, 0.5, "micron"), name="not part of it")
    assert header(spec) == (
        b'cristae.volume.1\n{"dtype":"uint16","shape":[1,1,2,3],"block":[1,1,2,3],"voxel_nm":["3ff0000000000000",'
        b'"4000000000000000","3fe0000000000000"],"unit":"micron"}\n'
    )


@pytest.mark.parametrize("text", ["", "ab" * 31, "AB" * 32, "../" * 21 + "a", "ab" * 32 + "\n", "g" * 64])
def test_a_name_that_is_not_a_digest_never_becomes_a_path(text):
    with pytest.raises(InvalidInput):
        check_digest(text)


lengths = st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 5000), st.integers(1, 5000))


@settings(deadline=None)
@given(lengths, st.sampled_from([1, 2, 4]))
def test_blocks_hold_at_most_a_mebibyte_and_fit_the_volume(shape, itemsize):
    block = block_shape_for(shape, itemsize)
    assert BlockGrid(shape, block, itemsize).full_block_bytes <= 1024 * 1024
    assert all(1 <= b <= n for b, n in zip(block, shape, strict=True))


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 7)] * 4), st.tuples(*[st.integers(1, 7)] * 4), st.sampled_from([1, 2, 4]))
def test_block_offsets_add_up(shape, block, itemsize):
    block = tuple(min(pair) for pair in zip(shape, block, strict=True))
    blocks = BlockGrid(shape, block, itemsize)
    boxes = list(grid(shape, block))
    assert [blocks.box(index) for index in range(blocks.count)] == boxes
    position = 0
    for index in range(blocks.count):
        assert blocks.offset(index) == position
        assert blocks.index(blocks.coordinates(index)) == index
        position += blocks.block_bytes(index)
    assert position == blocks.offset(blocks.count) == blocks.total_bytes


def test_the_blocks_that_touch_a_box_are_found():
    blocks = BlockGrid((2, 4, 10, 10), (1, 2, 5, 5), 1)
    box = Box((0, 1, 4, 5), (2, 3, 6, 6))
    expected = [i for i in range(blocks.count) if blocks.box(i).intersection(box)]
    assert list(blocks.touching(box)) == expected == [1, 3, 5, 7, 9, 11, 13, 15]


def test_a_block_that_does_not_exist_is_refused():
    blocks = BlockGrid((1, 1, 2, 2), (1, 1, 1, 1), 1)
    for index in (-1, 4):
        with pytest.raises(InvalidInput, match="blocks 0 to 3"):
            blocks.box(index)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((1, 1, 1, 0), InvalidInput),
        ((1, 1, -1, 1), InvalidInput),
        ((1, 1, 1), InvalidInput),
        ((1, 1, 1, 2**31 - 1), None),
        ((1, 1, 1, 2**31), LimitExceeded),
        ((1, 2, 2**20, 2**20), None),
        ((1, 2, 2**20, 2**20 + 1), LimitExceeded),
        ((2**62, 2**62, 2**62, 2**62), LimitExceeded),
    ],
)
def test_shapes_at_the_edge_of_what_is_allowed(shape, error):
    if error is None:
        VolumeSpec(shape, "uint8")
    else:
        with pytest.raises(error):
            VolumeSpec(shape, "uint8")


@pytest.mark.parametrize(
    "wrong",
    [
        {"dtype": "float64"},
        {"dtype": ">u2"},
        {"block_shape_czyx": (1, 2, 4, 4)},
        {"block_shape_czyx": (1, 1, 0, 4)},
        {"name": "n" * 121},
        {"classes": (LabelClass(1, "one"), LabelClass(1, "two"))},
    ],
)
def test_a_wrong_specification_is_refused_with_a_sentence(wrong):
    with pytest.raises(InvalidInput) as caught:
        VolumeSpec(**({"shape_czyx": (1, 1, 4, 4), "dtype": "uint8"} | wrong))
    assert len(caught.value.sentence) > 20


def test_blocks_larger_than_a_message_are_refused():
    with pytest.raises(LimitExceeded):
        VolumeSpec((1, 3, 1024, 1024), "uint8", block_shape_czyx=(1, 3, 1024, 1024))


@pytest.mark.parametrize("length", [0, -1, float("nan"), float("inf")])
def test_a_voxel_size_that_is_not_a_length_is_refused(length):
    with pytest.raises(InvalidInput, match="voxel size y"):
        VoxelSize(1, length, 1)


@pytest.mark.parametrize("unit", ['n"m', "n\\m", "n\nm", "n" * 33])
def test_a_unit_that_json_would_escape_is_refused(unit):
    with pytest.raises(InvalidInput):
        VoxelSize(1, 1, 1, unit)


@pytest.mark.parametrize(
    ("value", "name", "rgb"), [(-1, "a", 0), (2**32, "a", 0), (1, "a" * 121, 0), (1, "a", 2**24)]
)
def test_a_class_outside_the_contract_is_refused(value, name, rgb):
    with pytest.raises(InvalidInput):
        LabelClass(value, name, rgb)


@pytest.mark.parametrize("shape", [(1, 1, 3, 5), (2, 33, 40, 50), (1, 20, 300, 1100)])
@pytest.mark.parametrize("dtype", ["uint8", ">u2"])
def test_an_image_read_in_sections_has_the_digest_of_its_array(shape, dtype):
    voxels = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    size = VoxelSize(50, 4, 4, "micron")
    assert image_digest(ArrayImage(voxels, size)) == array_digest(voxels, size)


def test_reading_for_the_digest_ends_when_it_should():
    with pytest.raises(Cancelled):
        image_digest(ArrayImage(np.zeros((2, 3), np.uint8)), lambda: True)
