"""Large OME-Zarr results have coarser levels, which lie where they should and keep the values of labels."""

from collections import Counter

import numpy as np
import pytest
import yaozarrs
import zarr

from cristae.geometry import Box
from cristae.volumes import LabelClass, VolumeSpec, VoxelSize, create_output, open_image
from cristae.volumes import levels as levels_module
from cristae.volumes.levels import levels_of
from cristae.volumes.pyramid import reduced


def written(path, voxels, size=None, **choices):
    shape = (1, *voxels.shape)
    output = create_output(path, shape, voxels.dtype, size, **choices)
    output.write(Box.of_shape(voxels.shape), voxels)
    output.seal()
    return zarr.open_group(path, mode="r")


@pytest.fixture
def early(monkeypatch):
    """Have images of more than 20 voxels a side get coarser levels."""
    monkeypatch.setattr(levels_module, "LARGEST_COARSEST", 20)


def test_sections_are_taken_together_once_they_are_as_near_as_columns():
    spec = VolumeSpec((1, 300, 5000, 4001), "uint8", VoxelSize(40, 10, 10))
    assert [one.factor_zyx for one in levels_of(spec)] == [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert [one.whole_zyx for one in levels_of(spec)][-1] == (4, 16, 16)
    assert levels_of(spec)[-1].spec.shape_czyx == (1, 75, 313, 251)
    assert levels_of(spec)[-1].spec.voxel_size == VoxelSize(160, 160, 160)
    unknown = VolumeSpec((2, 1, 1024, 30), "float32")
    assert [one.spec.shape_czyx for one in levels_of(unknown)] == [(2, 1, 512, 15)]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_an_image_is_averaged_and_other_programs_see_where_it_lies(tmp_path, early, dtype):
    voxels = np.random.default_rng(0).integers(0, 255, (9, 41, 38)).astype(dtype)
    place = tmp_path / "image.zarr"
    group = written(place, voxels, VoxelSize(8, 4, 4))
    yaozarrs.validate_zarr_store(place)
    whole = np.pad(voxels, ((0, 0), (0, 1), (0, 0)), mode="edge").astype(float)
    half = whole.reshape(9, 21, 2, 19, 2).mean(axis=(2, 4))
    found = np.asarray(group["1"])[0]
    assert found.dtype == dtype
    assert np.abs(found - half).max() <= (0.5 if dtype == "uint8" else 1e-4)
    datasets = group.attrs["ome"]["multiscales"][0]["datasets"]
    assert [one["path"] for one in datasets] == ["0", "1", "2"]
    scale, translation = datasets[2]["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [1.0, 16.0, 16.0, 16.0]}
    assert translation == {"type": "translation", "translation": [0.0, 4.0, 6.0, 6.0]}
    assert group["2"].shape == (1, 5, 11, 10)
    again = open_image(place)
    assert np.array_equal(again.read(Box.of_shape(voxels.shape))[0], voxels)
    assert again.voxel_size == VoxelSize(8, 4, 4)


def test_labels_keep_their_values_and_the_most_frequent_counts(tmp_path, early):
    voxels = np.random.default_rng(1).choice([0, 1, 7], (6, 30, 24)).astype(np.uint8)
    group = written(tmp_path / "labels.zarr", voxels, classes=[LabelClass(1, "a"), LabelClass(7, "b")])
    found = np.asarray(group["1"])[0]
    for z, y, x in np.ndindex(found.shape):
        members = voxels[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel()
        assert Counter(members.tolist())[found[z, y, x]] == max(Counter(members.tolist()).values())


@pytest.mark.parametrize(
    ("dtype", "highest"), [("uint8", 200), ("uint16", 60_001), ("uint32", 4_000_000_001)]
)
def test_numbers_of_objects_are_never_averaged(tmp_path, early, dtype, highest):
    voxels = np.where(np.arange(30)[None, None] < 15, 5, highest).astype(dtype)
    voxels = np.broadcast_to(voxels, (2, 30, 30))
    group = written(tmp_path / "objects.zarr", np.ascontiguousarray(voxels), labels=True)
    assert set(np.unique(np.asarray(group["1"])).tolist()) == {5, highest}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("shape", [(1, 600, 1, 1), (1, 1000, 600, 1), (1, 1, 1, 5000)])
def test_the_longest_shape_comes_to_an_end(shape):
    last = levels_of(VolumeSpec(shape, "uint8", VoxelSize(50, 5, 5)))[-1]
    assert max(last.spec.shape_czyx) <= 512


def test_a_small_image_has_one_level_as_before(tmp_path):
    group = written(tmp_path / "small.zarr", np.ones((3, 60, 512), np.uint8))
    assert sorted(group.array_keys()) == ["0"]


def test_voxels_beyond_the_end_are_those_at_the_end():
    voxels = np.array([[[[1, 2, 3]]]], np.float32)
    assert reduced(voxels, (1, 1, 2), is_labels=False).tolist() == [[[[1.5, 3.0]]]]
