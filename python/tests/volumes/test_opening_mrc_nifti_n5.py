"""MRC, NIfTI and N5, each written by an independent program and read box by box."""

import gzip
import json
import shutil

import mrcfile
import nibabel
import numpy as np
import pytest
import tensorstore

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.volumes import VoxelSize, open_image

SHAPE = (4, 6, 5)


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(0, 120, SHAPE).astype(np.uint8)


def assert_holds(image, voxels):
    """Compare the whole, and a box in the middle."""
    assert image.shape_czyx == (1, *voxels.shape)
    assert np.array_equal(image.read(Box.of_shape(voxels.shape))[0], voxels)
    assert np.array_equal(image.read(Box((1, 2, 0), (3, 5, 4)))[0], voxels[1:3, 2:5, 0:4])


def write_mrc(path, voxels, nm=None, imod_flags=None):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(voxels)
        if nm is not None:
            file.voxel_size = tuple(10 * length for length in reversed(nm))
        if imod_flags is not None:
            extra = bytearray(file.header["extra2"].tobytes())
            extra[40:48] = b"IMOD" + imod_flags.to_bytes(4, "little")
            file.header["extra2"] = np.void(bytes(extra))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float32])
def test_an_mrc_file_keeps_its_numbers_and_its_voxel_size(tmp_path, voxels, dtype):
    write_mrc(tmp_path / "a.mrc", voxels.astype(dtype), (50, 4, 4))
    image = open_image(tmp_path / "a.mrc")
    assert_holds(image, voxels)
    assert image.voxel_size.zyx_nm == pytest.approx((50, 4, 4))
    assert image.dtype == (np.uint8 if dtype == np.int8 else np.uint16 if dtype != np.float32 else dtype)


def test_bytes_of_imod_are_unsigned_and_those_of_others_signed(tmp_path):
    stored = np.array([[[0, 127, -128, -1]]], np.int8)
    write_mrc(tmp_path / "imod.rec", stored, imod_flags=0)
    assert open_image(tmp_path / "imod.rec").read(Box.of_shape(stored.shape)).ravel().tolist() == [
        0,
        127,
        128,
        255,
    ]
    write_mrc(tmp_path / "signed.rec", stored, imod_flags=1)
    write_mrc(tmp_path / "other.mrc", stored)
    for name in ("signed.rec", "other.mrc"):
        image = open_image(tmp_path / name)
        assert image.read(Box.of_shape(stored.shape)).ravel().tolist() == [0, 127, -128, -1]
        assert any("negative values" in note for note in image.notes)


def test_voxels_of_one_angstrom_mean_that_no_size_is_known(tmp_path, voxels):
    write_mrc(tmp_path / "a.mrc", voxels.astype(np.uint16), (0.1, 0.1, 0.1))
    image = open_image(tmp_path / "a.mrc")
    assert image.voxel_size is None
    assert any("know no size" in note for note in image.notes)


@pytest.mark.parametrize("unit", ["micron", "mm"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_nifti_file_has_its_axes_turned_round(tmp_path, voxels, ending, unit):
    file = nibabel.Nifti1Image(np.ascontiguousarray(voxels.T), np.eye(4))
    file.header.set_zooms((0.004, 0.004, 0.05))
    file.header.set_xyzt_units(unit)
    nibabel.save(file, tmp_path / f"a{ending}")
    image = open_image(tmp_path / f"a{ending}")
    assert_holds(image, voxels)
    assert image.voxel_size.zyx_nm == pytest.approx(
        [s * (1 if unit == "micron" else 1e3) for s in (50, 4, 4)]
    )


def test_numbers_that_a_nifti_file_scales_are_scaled(tmp_path, voxels):
    file = nibabel.Nifti1Image(voxels.T.astype(np.int16), np.eye(4))
    file.header.set_slope_inter(0.5, 10)
    nibabel.save(file, tmp_path / "a.nii")
    image = open_image(tmp_path / "a.nii")
    assert image.dtype == np.float32
    written = nibabel.load(tmp_path / "a.nii").get_fdata().T
    assert np.allclose(image.read(Box.of_shape(SHAPE))[0], written)


def write_n5(folder, voxels, **attributes):
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{folder}/"},
        "metadata": {"dimensions": voxels.T.shape, "blockSize": [3, 4, 2], "dataType": voxels.dtype.name,
                     "compression": {"type": "gzip"}},
    }  # fmt: skip
    tensorstore.open(spec, create=True).result().write(voxels.T).result()
    file = folder / "attributes.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | attributes))


def test_an_n5_array_is_found_by_name_or_as_the_finest_level(tmp_path, voxels):
    place = tmp_path / "cells.n5"
    size = {"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 50]}}
    write_n5(place / "raw" / "s0", voxels, **size)
    write_n5(place / "raw" / "s1", voxels[:, ::2, ::2])
    (place / "attributes.json").write_text('{"n5": "2.5.1"}')
    for path in (place, place / "raw" / "s0", f"{place}:raw/s0"):
        image = open_image(path)
        assert_holds(image, voxels)
        assert image.voxel_size == VoxelSize(50, 4, 4)
    assert open_image(f"{place}:raw/s1").shape_czyx == (1, 4, 3, 3)


def test_an_n5_array_may_name_its_axes(tmp_path, voxels):
    write_n5(tmp_path / "a.n5", voxels.T, axes=["z", "y", "x"], resolution=[50, 5, 4], units=["nm"] * 3)
    image = open_image(tmp_path / "a.n5")
    assert_holds(image, voxels)
    assert image.voxel_size == VoxelSize(50, 5, 4)


def test_several_n5_arrays_are_listed_and_nothing_outside_is_opened(tmp_path, voxels):
    place = tmp_path / "cells.n5"
    write_n5(place / "raw", voxels)
    write_n5(place / "labels", voxels)
    write_n5(tmp_path / "secret", voxels)
    (place / "attributes.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"holds 2 arrays; add one of them to its name .*: labels, raw"):
        open_image(place)
    for key in ("../secret", "nothing", "raw/nothing"):
        with pytest.raises(InvalidInput):
            open_image(f"{place}:{key}")


@pytest.mark.parametrize("name", ["a.mrc", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("keep", [0, 0.01, 0.6, 0.99])
def test_what_was_cut_off_is_refused(tmp_path, name, keep):
    voxels = np.random.default_rng(0).integers(0, 9000, (20, 60, 50)).astype(np.int16)
    path = tmp_path / name
    if name == "a.mrc":
        write_mrc(path, voxels)
    else:
        nibabel.save(nibabel.Nifti1Image(voxels.T, np.eye(4)), path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(InvalidInput, match="cut off"):
        open_image(path)


def test_a_packed_nifti_file_that_is_large_is_not_unpacked(tmp_path):
    file = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    nibabel.save(file, tmp_path / "a.nii")
    header = bytearray((tmp_path / "a.nii").read_bytes())
    header[42:48] = np.array([2000, 2000, 2000], "<i2").tobytes()
    with gzip.open(tmp_path / "bomb.nii.gz", "wb") as packed:
        packed.write(header)
    damaged = bytearray((tmp_path / "a.nii").read_bytes())
    damaged[70:72] = np.array([31_000], "<i2").tobytes()  # the code of a number type that there is not
    (tmp_path / "damaged.nii").write_bytes(damaged)
    with pytest.raises(InvalidInput, match="cannot be read as NIfTI"):
        open_image(tmp_path / "damaged.nii")
    with pytest.raises(InvalidInput, match=r"7\.5 GiB unpacked"):
        open_image(tmp_path / "bomb.nii.gz")
    shutil.copy(tmp_path / "bomb.nii.gz", tmp_path / "text.mrc")
    with pytest.raises(InvalidInput, match="cannot be read as MRC"):
        open_image(tmp_path / "text.mrc")
