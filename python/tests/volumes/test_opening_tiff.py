import struct

import numpy as np
import pytest
import tifffile

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes import Image, open_image

STACK = np.random.default_rng(0).integers(0, 200, (6, 40, 50)).astype(np.uint8)


def everything(image):
    return image.read(Box.of_shape(image.shape_czyx[1:]))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}]
)
def test_tiffs_of_all_kinds_are_read_box_by_box(tmp_path, dtype, options):
    voxels = STACK.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", voxels, photometric="minisblack", **options)
    image = open_image(tmp_path / "a.tif")
    assert isinstance(image, Image)
    assert (image.shape_czyx, image.dtype, image.name) == ((1, 6, 40, 50), np.dtype(dtype), "a.tif")
    assert np.array_equal(everything(image)[0], voxels)
    box = Box((2, 3, 4), (5, 30, 41))
    part = image.read(box)
    assert np.array_equal(part[0], voxels[box.slices])
    assert part.flags.writeable
    assert part.dtype.isnative


@pytest.mark.parametrize(
    ("unit", "nm"),
    [("nm", 1), ("micron", 1000), ("\\u00B5m", 1000), ("um", 1000), ("mm", 1e6), ("pixel", None), ("", None)],
)
def test_imagejs_calibration_becomes_nanometres(tmp_path, unit, nm):
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 0.05}
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, imagej=True, resolution=(1 / 0.004, 1 / 0.008), metadata=metadata
    )
    size = open_image(tmp_path / "a.tif").voxel_size
    if nm is None:
        assert size is None
    else:
        assert size.zyx_nm == pytest.approx((0.05 * nm, 0.008 * nm, 0.004 * nm))
        assert size.display_unit == unit.replace("\\u00B5", "µ")


def test_imagej_means_one_unit_when_it_stores_no_spacing(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(0.25, 0.25),
        metadata={"unit": "nm", "axes": "ZYX"},
    )
    assert open_image(tmp_path / "a.tif").voxel_size.zyx_nm == (1, 4, 4)


def test_resolution_for_printing_is_no_voxel_size(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, resolution=(72, 72), resolutionunit="INCH", photometric="minisblack"
    )
    assert open_image(tmp_path / "a.tif").voxel_size is None


def test_hyperstacks_of_imagej_keep_their_channels(tmp_path):
    voxels = np.arange(3 * 2 * 4 * 5, dtype=np.uint16).reshape(3, 2, 4, 5)  # z, c, y, x
    tifffile.imwrite(tmp_path / "a.tif", voxels, imagej=True, metadata={"axes": "ZCYX"})
    image = open_image(tmp_path / "a.tif")
    assert image.shape_czyx == (2, 3, 4, 5)
    assert np.array_equal(everything(image), voxels.transpose(1, 0, 2, 3))


def test_a_stack_saved_as_time_is_read_as_sections_and_says_so(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "TYX"})
    image = open_image(tmp_path / "a.tif")
    assert image.shape_czyx == (1, 6, 40, 50)
    assert "6 time points" in image.notes[0]


def test_a_stack_of_imagej_that_was_cut_off_is_told_in_words_for_people(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidInput, match="was cut off; copy or save it again") as told:
        open_image(path)
    assert "<" not in told.value.sentence


def test_real_time_series_of_stacks_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK.reshape(2, 3, 40, 50), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(InvalidInput, match="one time point at a time"):
        open_image(tmp_path / "a.tif")


def test_ome_tiff_brings_axes_and_voxel_size(tmp_path):
    voxels = STACK.reshape(2, 3, 40, 50)
    metadata = {"axes": "CZYX", "PhysicalSizeX": 4.6, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 4.6}
    metadata |= {"PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 0.05, "PhysicalSizeZUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", voxels, metadata=metadata, photometric="minisblack")
    image = open_image(tmp_path / "a.ome.tif")
    assert image.shape_czyx == (2, 3, 40, 50)
    assert image.voxel_size.zyx_nm == (50, 4.6, 4.6)
    assert np.array_equal(everything(image), voxels)


def test_pages_without_metadata_are_sections(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for section in STACK:
            writer.write(section, metadata=None, contiguous=False)
    assert np.array_equal(everything(open_image(tmp_path / "a.tif"))[0], STACK)


def test_a_single_picture_has_one_section(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0])
    assert open_image(tmp_path / "a.tif").shape_czyx == (1, 1, 40, 50)


@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}])
def test_colours_are_refused_with_the_way_out(tmp_path, options):
    shape = (3, 40, 50) if options else (40, 50, 3)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8), photometric="rgb", **options)
    with pytest.raises(InvalidInput, match=r"Image > Type > 8-bit"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "dtype", "expected", "noted"),
    [
        ([0, 1], "bool", "uint8", ""),
        ([0, 127], "int8", "uint8", ""),
        ([-1, 127], "int8", "float32", "without loss"),
        ([0, 32767], "int16", "uint16", ""),
        ([-5, 32767], "int16", "float32", "without loss"),
        ([0, 2**31 - 1], "int32", "uint32", ""),
        ([-1, 2**24], "int32", "float32", "without loss"),
        ([0, 2**32 - 1], "int64", "uint32", ""),
        ([0, 2**32 - 1], "uint64", "uint32", ""),
        ([0.5, 2.25], "float16", "float32", ""),
        ([0.1, 2.25], "float64", "float32", "rounded to float32"),
    ],
)
def test_other_number_types_become_ours_without_loss_or_say_so(tmp_path, values, dtype, expected, noted):
    voxels = np.zeros((2, 3, 4), dtype)
    voxels.flat[-2:] = values
    tifffile.imwrite(tmp_path / "a.tif", voxels, photometric="minisblack")
    image = open_image(tmp_path / "a.tif")
    assert image.dtype == expected
    assert np.array_equal(everything(image)[0], voxels.astype(expected))
    assert noted in " ".join(image.notes)
    assert bool(noted) == bool(image.notes)


@pytest.mark.parametrize(
    ("values", "dtype"), [([-1, 2**24 + 1], "int32"), ([0, 2**32], "int64"), ([0, 1], "complex64")]
)
def test_numbers_that_no_type_of_ours_holds_are_refused(tmp_path, values, dtype):
    voxels = np.zeros((2, 3, 4), dtype)
    voxels.flat[-2:] = values
    tifffile.imwrite(tmp_path / "a.tif", voxels, photometric="minisblack")
    with pytest.raises(InvalidInput, match=r"a\.tif holds"):
        open_image(tmp_path / "a.tif")


def written(tmp_path, kind):
    path = tmp_path / "whole.tif"
    if kind == "imagej":
        tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX"})
    elif kind == "compressed":
        tifffile.imwrite(path, STACK, compression="zlib", photometric="minisblack")
    elif kind == "ome":
        tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX"}, photometric="minisblack")
    else:
        with tifffile.TiffWriter(path) as writer:
            for section in STACK:
                writer.write(section, metadata=None, contiguous=False)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["imagej", "compressed", "ome", "pages"])
def test_a_tiff_that_was_cut_off_is_refused_with_a_sentence_or_still_whole(tmp_path, kind):
    whole = written(tmp_path, kind)
    path = tmp_path / "cut.tif"
    sentences = []
    for part in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:part])
        try:
            image = open_image(path)
            assert image.shape_czyx == (1, 6, 40, 50), part
            assert np.array_equal(everything(image)[0], STACK), part
        except InvalidInput as error:
            sentences.append(error.sentence)
    assert len(sentences) > 45
    assert all("cut" in sentence or "save it again" in sentence for sentence in sentences)


def test_a_small_file_that_asks_for_37_gibibytes_is_refused(tmp_path):
    for compression in (1, 8):
        entries = [(256, 4, 200_000), (257, 4, 200_000), (258, 3, 8), (259, 3, compression), (262, 3, 1)]
        entries += [(273, 4, 300), (277, 3, 1), (278, 4, 200_000), (279, 4, 200)]
        directory = struct.pack("<H", len(entries))
        directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        data = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0)
        (tmp_path / "bomb.tif").write_bytes(data.ljust(600, b"\0"))
        with pytest.raises(InvalidInput, match="600 bytes"):
            open_image(tmp_path / "bomb.tif")


def test_mutated_tiffs_never_crash(tmp_path):
    whole = written(tmp_path, "compressed")
    chance = np.random.default_rng(1)
    path = tmp_path / "mutated.tif"
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for place in chance.integers(0, len(data) if chance.random() < 0.5 else 400, 3):
            data[place] = chance.integers(0, 256)
        path.write_bytes(data)
        try:
            image = open_image(path)
            if np.prod(image.shape_czyx) < 10**7:
                everything(image)
        except InvalidInput:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("name", ["missing.tif", "notes.txt", "empty.tif", "text.tif"])
def test_what_is_no_image_is_refused_with_its_name(tmp_path, name):
    if name != "missing.tif":
        (tmp_path / name).write_bytes(b"" if name == "empty.tif" else b"hello, this is text")
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
        open_image(tmp_path / name)


def test_three_sections_that_python_called_colours_are_told_how_to_be_written(tmp_path):
    # As older versions of tifffile write an array of three sections without a word.
    path, voxels = tmp_path / "three.tif", np.zeros((3, 8, 9), np.uint8)
    tifffile.imwrite(path, voxels, photometric="rgb", planarconfig="separate")
    with pytest.raises(InvalidInput, match="If these are sections, write them with photometric='minisblack'"):
        open_image(tmp_path / "three.tif")
