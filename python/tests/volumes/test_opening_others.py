import re

import h5py
import numpy as np
import pytest
import skimage.io
import tifffile
import zarr

from cristae.errors import CorruptData, InvalidInput, Unsupported
from cristae.geometry import Box
from cristae.volumes import StoredVolume, VoxelSize, create_output, open_image
from cristae.volumes.sliced import SlicedImage

STACK = np.random.default_rng(0).integers(0, 200, (12, 20, 25)).astype(np.uint8)
BOX = Box((2, 3, 4), (9, 15, 21))


def everything(image):
    return image.read(Box.of_shape(image.shape_czyx[1:]))


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_a_folder_of_slices_is_sorted_by_number(tmp_path, suffix):
    folder = tmp_path / "slices"
    folder.mkdir()
    for z in range(12):
        if suffix == "tif":
            tifffile.imwrite(folder / f"s{z}.tif", STACK[z])
        else:
            skimage.io.imsave(folder / f"s{z}.png", STACK[z], check_contrast=False)
    (folder / "Thumbs.db").write_bytes(b"")
    image = open_image(folder)
    assert (image.shape_czyx, image.dtype) == ((1, 12, 20, 25), np.uint8)
    assert np.array_equal(everything(image)[0], STACK)
    assert np.array_equal(image.read(BOX)[0], STACK[BOX.slices])
    assert "1 files of other kinds" in image.notes[0]


def test_a_folder_in_which_a_slice_seems_to_be_missing_says_so(tmp_path):
    for z in (1, 2, 4, 5, 6):
        tifffile.imwrite(tmp_path / f"s{z:03}.tif", STACK[0])
    image = open_image(tmp_path)
    assert image.shape_czyx[1] == 5
    assert [note for note in image.notes if "missing between s002.tif and s004.tif" in note]


def test_slices_that_differ_are_named(tmp_path):
    tifffile.imwrite(tmp_path / "a1.tif", STACK[0])
    tifffile.imwrite(tmp_path / "a2.tif", STACK[1, :10])
    with pytest.raises(InvalidInput, match=r"a2\.tif is \(10, 25\) uint8, but the first slice a1\.tif"):
        everything(open_image(tmp_path))


def test_an_empty_folder_and_a_folder_of_stacks_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="neither a Zarr image nor slices"):
        open_image(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", STACK)
    with pytest.raises(InvalidInput, match="holds 12 planes"):
        open_image(tmp_path)


def test_a_picture_is_an_image_of_one_section(tmp_path):
    skimage.io.imsave(tmp_path / "a.png", STACK[0], check_contrast=False)
    assert np.array_equal(everything(open_image(tmp_path / "a.png"))[0, 0], STACK[0])
    skimage.io.imsave(tmp_path / "grey.png", np.dstack([STACK[0]] * 3), check_contrast=False)
    assert np.array_equal(everything(open_image(tmp_path / "grey.png"))[0, 0], STACK[0])
    skimage.io.imsave(tmp_path / "c.png", STACK[:3].transpose(1, 2, 0), check_contrast=False)
    with pytest.raises(InvalidInput, match="colour"):
        open_image(tmp_path / "c.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:100])
    with pytest.raises(InvalidInput, match=r"broken\.png cannot be read"):
        open_image(tmp_path / "broken.png")


def ome_attributes(version):
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"),
    ]
    scale = {"type": "scale", "scale": [1, 0.05, 0.004, 0.004]}
    multiscale = {"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": [scale]}]}
    if version == "0.4":
        return {"multiscales": [multiscale | {"version": "0.4"}]}
    return {"ome": {"version": "0.5", "multiscales": [multiscale]}}


@pytest.mark.parametrize(("version", "zarr_format"), [("0.4", 2), ("0.5", 3)])
def test_ome_zarr_brings_axes_and_voxel_size(tmp_path, version, zarr_format):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    array = group.create_array("s0", shape=(2, 12, 20, 25), dtype="uint16", chunks=(1, 5, 7, 9))
    voxels = np.stack([STACK, STACK + 1]).astype(np.uint16)
    array[:] = voxels
    group.attrs.update(ome_attributes(version))
    image = open_image(tmp_path / "a.zarr")
    assert image.voxel_size == VoxelSize(50, 4, 4, "micron")
    assert np.array_equal(everything(image), voxels)
    assert np.array_equal(image.read(BOX), voxels[(slice(None), *BOX.slices)])


@pytest.mark.parametrize("shape", [(20, 25), (12, 20, 25), (2, 6, 20, 25)])
def test_plain_zarr_arrays_are_read_as_czyx(tmp_path, shape):
    voxels = STACK.ravel()[: np.prod(shape)].reshape(shape)
    zarr.save_array(tmp_path / "a.zarr", voxels)
    image = open_image(tmp_path / "a.zarr")
    assert image.shape_czyx == (1,) * (4 - len(shape)) + shape
    assert image.voxel_size is None
    assert np.array_equal(everything(image).reshape(shape), voxels)


def test_axes_in_another_order_are_put_in_order(tmp_path):
    zarr.create_array(
        tmp_path / "a.zarr", data=np.ascontiguousarray(STACK.T), dimension_names=["x", "y", "z"]
    )
    assert np.array_equal(everything(open_image(tmp_path / "a.zarr"))[0], STACK)


def test_a_group_of_several_arrays_asks_which_one(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name in ("one", "two"):
        group.create_array(name, data=STACK)
    with pytest.raises(InvalidInput, match=r"one \(12, 20, 25\), two \(12, 20, 25\)"):
        open_image(tmp_path / "a.zarr")
    assert np.array_equal(everything(open_image(tmp_path / "a.zarr", key="two"))[0], STACK)
    with pytest.raises(InvalidInput, match="no array 'three'"):
        open_image(tmp_path / "a.zarr", key="three")


def test_a_result_of_ours_is_read_strictly_also_after_another_program_touched_its_metadata(tmp_path):
    path = tmp_path / "a.zarr"
    output = create_output(path, (1, *STACK.shape), "uint8", VoxelSize(50, 4, 4))
    output.write(Box.of_shape(STACK.shape), STACK)
    output.seal()
    assert isinstance(open_image(path), StoredVolume)
    zarr.open_group(path, mode="r+").attrs["note"] = "added by a person"
    image = open_image(path)
    assert "changed after Cristae wrote it" in image.notes[0]
    assert image.voxel_size.zyx_nm == (50, 4, 4)
    assert np.array_equal(everything(image)[0], STACK)
    (path / "0/c/0/0/0/0").unlink()
    with pytest.raises(CorruptData):
        everything(image)


@pytest.mark.parametrize(
    ("harm", "told"), [("flip", "are damaged: their checksum is wrong"), ("lose", "are missing")]
)
def test_what_is_broken_in_a_file_of_ours_is_told_by_file_and_chunk(tmp_path, harm, told):
    path = tmp_path / "a.zarr"
    output = create_output(path, (1, 20, 6, 5), "uint8", VoxelSize(50, 4, 4))
    output.write(Box.of_shape((20, 6, 5)), np.arange(600, dtype=np.uint8).reshape(20, 6, 5))
    output.seal()
    chunk = path / "0/c/0/1/0/0"
    if harm == "lose":
        chunk.unlink()
    else:
        data = bytearray(chunk.read_bytes())
        data[3] ^= 1
        chunk.write_bytes(data)
    image = open_image(path)
    assert np.array_equal(image.read(Box.of_shape((16, 6, 5))).ravel(), np.arange(480) % 256)
    with pytest.raises(CorruptData) as caught:
        everything(image)
    assert caught.value.sentence == (
        "The stored voxels of the box [0:1, 16:20, 0:6, 0:5] (c, z, y, x) of a.zarr "
        f"(chunk 0/c/0/1/0/0) {told}. Copy the file again, or compute the result again; nothing was "
        "invented in their place."
    )


def test_broken_zarr_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(InvalidInput, match="no Zarr metadata"):
        open_image(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InvalidInput, match="not a Zarr image"):
        open_image(tmp_path / "a.zarr")


def hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, voxels in datasets.items():
            file[name.replace("__", "/")] = voxels
    return path


@pytest.mark.parametrize(
    "name", ["a.h5", "a.h5:volumes/labels", "a.h5/volumes/labels", "a.h5:/volumes/labels"]
)
def test_the_data_set_of_an_hdf5_file_is_named_behind_it(tmp_path, name):
    hdf5(tmp_path / "a.h5", volumes__labels=STACK)
    image = open_image(f"{tmp_path}/{name}")
    assert np.array_equal(everything(image)[0], STACK)
    assert np.array_equal(image.read(BOX)[0], STACK[BOX.slices])


def test_well_known_names_are_found_and_others_asked_for(tmp_path):
    hdf5(tmp_path / "a.h5", raw=STACK, weights=STACK, size=np.zeros(3))
    assert np.array_equal(everything(open_image(tmp_path / "a.h5"))[0], STACK)
    hdf5(tmp_path / "b.h5", raw=STACK, label=STACK)
    with pytest.raises(InvalidInput, match=r"label \(12, 20, 25\), raw \(12, 20, 25\)"):
        open_image(tmp_path / "b.h5")
    with pytest.raises(InvalidInput, match="no image 'other'"):
        open_image(tmp_path / "b.h5", key="other")
    with pytest.raises(InvalidInput, match="holds no image"):
        open_image(hdf5(tmp_path / "c.h5", size=np.zeros(3)))


def test_hdf5_voxel_size_is_in_micrometres(tmp_path):
    hdf5(tmp_path / "a.h5", raw=STACK)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["raw"].attrs["element_size_um"] = [0.05, 0.004, 0.004]
    assert open_image(tmp_path / "a.h5").voxel_size == VoxelSize(50, 4, 4, "micron")


def test_ilastiks_axes_are_understood(tmp_path):
    hdf5(tmp_path / "a.h5", exported_data=STACK[..., np.newaxis])
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["exported_data"].attrs["axistags"] = (
            '{"axes": [{"key": "z"}, {"key": "y"}, {"key": "x"}, {"key": "c"}]}'
        )
    assert np.array_equal(everything(open_image(tmp_path / "a.h5"))[0], STACK)


def test_a_damaged_hdf5_file_is_refused(tmp_path):
    path = hdf5(tmp_path / "a.h5", raw=STACK)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InvalidInput, match="cannot be read as HDF5"):
        open_image(path)
    with pytest.raises(InvalidInput, match="no file or folder"):
        open_image(tmp_path / "missing.h5")


def test_an_unknown_filter_of_hdf5_is_told_before_anything_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((4, 16, 16))
        made.set_filter(32999, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((8, 32, 32))
        h5py.h5d.create(file.id, b"data", h5py.h5t.NATIVE_UINT8, space, made)
    with pytest.raises(Unsupported, match="HDF5 filter 32999, which is not installed here"):
        open_image(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (OSError(116, "Stale file handle"), "See whether its disk may be read"),
        (OSError("Can't read data (inflate() failed)"), "Copy the file again"),
    ],
)
def test_a_disk_that_is_away_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, failure, advice):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.zeros((2, 3, 4), np.uint8)
    image = open_image(tmp_path / "a.h5")

    def fails(*_):
        raise failure

    monkeypatch.setattr(SlicedImage, "_slices", fails)
    with pytest.raises(CorruptData, match=re.escape(advice)):
        image.read(Box.of_shape((2, 3, 4)))
