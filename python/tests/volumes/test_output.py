import errno
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from sending import NM

from cristae.errors import AlreadyExists, Busy, DiskFull, InvalidInput
from cristae.geometry import Box, tiles
from cristae.volumes import LabelClass, StoredVolume, create_output, open_image
from cristae.volumes.output import ZarrOutput
from cristae.volumes.output_tiff import TiffOutput
from cristae.volumes.staging import StagedTarget

CLASSES = (LabelClass(1, "mito", 0xFF0000), LabelClass(2, "µ-vesicle"))


def write_tiled(output, voxels, tile=(7, 20, 30)):
    for step in tiles(voxels.shape[1:], tile, (1, 2, 3)):
        output.write(step.write_box, voxels[(slice(None), *step.write_box.slices)])


class Killed(BaseException):
    """The process ends here."""


def killed(*_, **__):
    raise Killed


def after_death(output):
    """Do what the system does when a process dies."""
    for lock in (output._staged._lock, getattr(getattr(output, "_writer", None), "_file_lock", None)):
        if lock is not None:
            lock.release()


@pytest.fixture(params=["tif", "ome.tif", "zarr", "h5"])
def suffix(request):
    return request.param


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize(
    "shape", [(1, 9, 50, 60), (2, 3, 20, 30), (1, 1, 40, 50), (6, 1, 1, 1), (2, 3, 1, 1), (1, 9, 50, 1)]
)
def test_every_format_gives_back_what_was_written(tmp_path, suffix, dtype, shape, caplog):
    voxels = np.random.default_rng(0).integers(0, 250, shape).astype(dtype)
    path = tmp_path / f"out.{suffix}"
    output = create_output(path, shape, dtype, NM, classes=CLASSES if dtype != "float32" else ())
    write_tiled(output, voxels)
    assert not path.exists()
    output.seal()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    image = open_image(path)
    assert image.shape_czyx == shape
    assert image.voxel_size.zyx_nm == NM.zyx_nm
    assert image.dtype == ("float32" if (suffix, dtype) == ("tif", "uint32") else dtype)
    assert np.array_equal(image.read(Box.of_shape(shape[1:])), voxels)
    assert not caplog.records  # tifffile logs what it cannot make sense of


def test_imagej_sees_the_calibration_in_the_unit_of_the_person(tmp_path):
    output = create_output(tmp_path / "a.tif", (2, 3, 4, 5), "uint16", NM, classes=CLASSES)
    output.write(Box.of_shape((3, 4, 5)), np.ones((2, 3, 4, 5), np.uint16))
    output.seal()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        metadata = file.imagej_metadata
        assert (metadata["unit"], metadata["spacing"]) == ("micron", 0.05)
        assert (metadata["channels"], metadata["slices"]) == (2, 3)
        assert "1 = mito" in metadata["Info"]
        count, per = file.pages.first.tags["XResolution"].value
        assert per / count == pytest.approx(0.0046)


def test_a_name_that_ends_in_ome_tif_is_read_as_ome_with_axes_sizes_and_classes(tmp_path):
    output = create_output(tmp_path / "a.OME.tif", (2, 3, 4, 5), "uint32", NM, classes=CLASSES)
    output.write(Box.of_shape((3, 4, 5)), np.arange(120, dtype=np.uint32).reshape(2, 3, 4, 5))
    output.seal()
    with tifffile.TiffFile(tmp_path / "a.OME.tif") as file:
        assert (file.is_ome, file.is_imagej, file.is_bigtiff) == (True, False, False)
        assert (file.series[0].axes, file.series[0].shape) == ("CZYX", (2, 3, 4, 5))
        assert np.array_equal(file.asarray().ravel(), np.arange(120))
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
    pixels = image["Pixels"]
    assert [pixels[f"PhysicalSize{axis}"] for axis in "ZYX"] == [50, 4.6, 4.6]
    assert {pixels[f"PhysicalSize{axis}Unit"] for axis in "ZYX"} == {"nm"}
    assert pixels["Type"] == "uint32"
    assert "1 = mito\n2 = µ-vesicle" in image["Description"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("there", [True, False])
def test_a_name_that_ends_in_a_slash_or_an_empty_folder_becomes_a_folder_of_slices(tmp_path, dtype, there):
    voxels = np.random.default_rng(0).integers(0, 250, (1, 11, 50, 60)).astype(dtype)
    path = tmp_path / "found 1.2"
    if there:
        path.mkdir()
    output = create_output(path if there else f"{path}/", voxels.shape, dtype, NM, classes=CLASSES)
    write_tiled(output, voxels)
    assert there == path.exists()
    output.seal()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert sorted(entry.name for entry in path.iterdir()) == [f"{z:04d}.tif" for z in range(11)]
    image = open_image(path)
    assert image.dtype == dtype
    assert image.voxel_size.zyx_nm == NM.zyx_nm
    assert np.array_equal(image.read(Box.of_shape(voxels.shape[1:])), voxels)
    with tifffile.TiffFile(path / "0003.tif") as file:
        assert (file.imagej_metadata["unit"], file.imagej_metadata["spacing"]) == ("micron", 0.05)


def test_a_folder_is_replaced_only_if_that_is_said_and_it_holds_nothing_but_slices(tmp_path):
    path = tmp_path / "found"
    for z in range(2):
        output = create_output(f"{path}/", (1, 1, 2, 2), "uint8", overwrite=z == 1)
        output.write(Box.of_shape((1, 2, 2)), np.full((1, 2, 2), z, np.uint8))
        output.seal()
        assert open_image(path).read(Box.of_shape((1, 2, 2))).max() == z
    with pytest.raises(AlreadyExists, match="choose another name"):
        create_output(f"{path}/", (1, 1, 2, 2), "uint8")
    (path / "notes.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(AlreadyExists, match=r"more than slices \(notes.txt\)"):
        create_output(path, (1, 1, 2, 2), "uint8", overwrite=True)
    assert (path / "notes.txt").read_text(encoding="utf-8") == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["found"]


def test_slices_of_several_channels_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="one channel, but this result has 2"):
        create_output(f"{tmp_path}/a/", (2, 1, 2, 2), "uint8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channels", [1, 2])
def test_large_ids_stay_exact_with_their_voxel_size(tmp_path, channels):
    ids = np.array([0, 1, 2**24 + 1, 2**32 - 1], np.uint32).reshape(1, 1, 2, 2)
    ids = np.concatenate([ids, ids[:, :, ::-1]], axis=1).repeat(channels, 0)
    ids[1:] //= 3
    output = create_output(tmp_path / "a.tif", ids.shape, "uint32", NM)
    output.write(Box.of_shape((2, 2, 2)), ids)
    output.seal()
    assert tifffile.imread(tmp_path / "a.tif").ravel().tolist() == ids.ravel().tolist()
    written = open_image(tmp_path / "a.tif")
    assert written.read(Box.of_shape((2, 2, 2))).tolist() == ids.tolist()
    assert written.voxel_size.zyx_nm == NM.zyx_nm


def test_the_zarr_output_is_what_the_store_writes(tmp_path):
    voxels = np.ones((1, 4, 30, 30), np.uint8)
    output = create_output(tmp_path / "a.ome.zarr", voxels.shape, "uint8", NM, name="mitos", classes=CLASSES)
    write_tiled(output, voxels)
    output.seal()
    volume = StoredVolume(tmp_path / "a.ome.zarr")
    assert (volume.name, volume.spec.classes) == ("mitos", CLASSES)
    assert np.array_equal(zarr.open_group(volume.folder, mode="r")["0"][:], voxels)


def test_hdf5_carries_voxel_size_and_classes(tmp_path):
    output = create_output(tmp_path / "a.h5", (1, 2, 3, 4), "uint8", NM, classes=CLASSES)
    output.write(Box.of_shape((2, 3, 4)), np.ones((2, 3, 4), np.uint8))
    output.seal()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["data"].shape == (2, 3, 4)
        assert file["data"].attrs["element_size_um"].tolist() == [0.05, 0.0046, 0.0046]
        assert '"mito"' in file["data"].attrs["classes"]


def test_an_existing_target_is_refused_unless_it_may_be_overwritten(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    for value in (1, 2):
        if value == 2:
            with pytest.raises(AlreadyExists, match="choose another name"):
                create_output(path, (1, 1, 2, 2), "uint8")
        output = create_output(path, (1, 1, 2, 2), "uint8", overwrite=value == 2)
        output.write(Box.of_shape((1, 2, 2)), np.full((1, 2, 2), value, np.uint8))
        if value == 2:
            assert open_image(path).read(Box.of_shape((1, 2, 2))).max() == 1
        output.seal()
        assert open_image(path).read(Box.of_shape((1, 2, 2))).max() == value
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_discarded_output_leaves_nothing(tmp_path, suffix):
    output = create_output(tmp_path / f"a.{suffix}", (1, 1, 2, 2), "uint8")
    output.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr", "a/"])
def test_a_killed_run_is_taken_up_where_it_was(tmp_path, name):
    path = f"{tmp_path}/{name}"
    top, bottom = Box((0, 0, 0), (2, 2, 4)), Box((0, 2, 0), (2, 4, 4))
    first = create_output(path, (1, 2, 4, 4), "uint32")
    first.write(top, np.full((2, 2, 4), 7, np.uint32))
    after_death(first)
    second = create_output(path, (1, 2, 4, 4), "uint32", resume=True)
    assert second.resumed
    second.write(bottom, np.full((2, 2, 4), 9, np.uint32))
    second.seal()
    assert open_image(path).read(Box.of_shape((2, 4, 4)))[0, :, :, 0].tolist() == [[7, 7, 9, 9]] * 2


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr", "a/"])
def test_after_a_sync_everything_that_can_be_taken_up_is_on_the_disk(tmp_path, monkeypatch, name):
    safe = {}
    really = os.fsync

    def fsync(descriptor):
        really(descriptor)
        safe[os.fstat(descriptor).st_ino] = os.fstat(descriptor).st_mtime_ns

    monkeypatch.setattr(os, "fsync", fsync)
    output = create_output(f"{tmp_path}/{name}", (1, 4, 20, 30), "uint8", NM)
    output.write(Box.of_shape((4, 20, 30)), np.ones((4, 20, 30), np.uint8))
    output.sync()
    files = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.name not in ("lock", "output.json")
    ]
    assert len(files) == (4 if name == "a/" else 1)
    assert all(safe.get(path.stat().st_ino) == path.stat().st_mtime_ns for path in files)
    output.discard()


@pytest.mark.parametrize(
    ("name", "inside"), [("a.tif", "image.tif"), ("a.ome.tif", "image.tif"), ("a/", "slices")]
)
def test_a_run_that_was_killed_before_its_file_was_laid_out_begins_anew(tmp_path, name, inside):
    path = f"{tmp_path}/{name}"
    first = create_output(path, (1, 2, 4, 4), "uint8")
    first.close()
    laid_out = next(tmp_path.iterdir()) / inside
    assert laid_out.exists()
    laid_out.rename(laid_out.with_name(f"laid-out{laid_out.suffix}"))
    second = create_output(path, (1, 2, 4, 4), "uint8", resume=True)
    assert not second.resumed
    second.write(Box.of_shape((2, 4, 4)), np.full((2, 4, 4), 7, np.uint8))
    second.seal()
    assert open_image(path).read(Box.of_shape((2, 4, 4))).min() == 7
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["a.tif", "a.zarr", "a/"])
def test_a_run_that_was_killed_when_its_result_had_its_name_begins_anew(tmp_path, monkeypatch, name):
    path = f"{tmp_path}/{name}"
    first = create_output(path, (1, 2, 4, 4), "uint8")
    first.write(Box.of_shape((2, 4, 4)), np.full((2, 4, 4), 5, np.uint8))
    with monkeypatch.context() as broken:
        broken.setattr(StagedTarget, "discard", killed)
        with pytest.raises(Killed):
            first.seal()
    after_death(first)
    assert open_image(path).read(Box.of_shape((2, 4, 4))).min() == 5
    second = create_output(path, (1, 2, 4, 4), "uint8", overwrite=True, resume=True)
    assert not second.resumed
    second.write(Box.of_shape((2, 4, 4)), np.full((2, 4, 4), 7, np.uint8))
    second.seal()
    assert open_image(path).read(Box.of_shape((2, 4, 4))).min() == 7
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["a.zarr", "a/"])
def test_a_folder_is_replaced_again_after_a_kill_left_its_predecessor_aside(tmp_path, monkeypatch, name):
    path, whole = f"{tmp_path}/{name}", Box.of_shape((2, 4, 4))
    for value in (5, 6, 7):
        output = create_output(path, (1, 2, 4, 4), "uint8", overwrite=True, resume=True)
        output.write(whole, np.full((2, 4, 4), value, np.uint8))
        if value == 6:
            with monkeypatch.context() as broken:
                broken.setattr(StagedTarget, "discard", killed)
                with pytest.raises(Killed):
                    output.seal()
            after_death(output)
        else:
            output.seal()
    assert open_image(path).read(whole).min() == 7
    assert len(list(tmp_path.iterdir())) == 1


def about_to_replace(path, whole):
    """Return an output of 7 that was written and not sealed; one of 5 has its name."""
    old = create_output(path, (1, 2, 4, 4), "uint8")
    old.write(whole, np.full((2, 4, 4), 5, np.uint8))
    old.seal()
    new = create_output(path, (1, 2, 4, 4), "uint8", overwrite=True)
    new.write(whole, np.full((2, 4, 4), 7, np.uint8))
    return new


@pytest.mark.parametrize("name", ["a.zarr", "a/"])
def test_the_old_folder_stays_if_the_new_one_cannot_get_its_name(tmp_path, monkeypatch, name):
    path, whole = f"{tmp_path}/{name}", Box.of_shape((2, 4, 4))
    new = about_to_replace(path, whole)
    rename = Path.rename

    def fails_for_the_new_one(self, target):
        if self.name in ("volume", "slices") and Path(target) == Path(path):
            raise PermissionError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new_one)
    with pytest.raises(PermissionError):
        new.seal()
    new.discard()
    assert open_image(path).read(whole).min() == 5
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_was_put_aside_comes_back_after_a_kill(tmp_path, monkeypatch):
    path, whole = tmp_path / "a.zarr", Box.of_shape((2, 4, 4))
    new = about_to_replace(path, whole)
    rename = Path.rename

    def first_only(self, target):
        return rename(self, target) if self == path else killed()

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", first_only)
        with pytest.raises(Killed):
            new.seal()
    after_death(new)
    assert not path.exists()
    with pytest.raises(AlreadyExists):
        create_output(path, (1, 3, 4, 4), "uint8")
    assert open_image(path).read(whole).min() == 5
    create_output(path, (1, 3, 4, 4), "uint8", overwrite=True).discard()
    assert open_image(path).read(whole).min() == 5


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_what_was_begun_is_kept_when_taking_it_up_is_interrupted(tmp_path, monkeypatch, name):
    path, top = tmp_path / name, Box((0, 0, 0), (2, 2, 4))
    first = create_output(path, (1, 2, 4, 4), "uint8")
    first.write(top, np.full((2, 2, 4), 7, np.uint8))
    first.close()
    with monkeypatch.context() as broken:
        broken.setattr(TiffOutput, "__init__", killed)
        broken.setattr(ZarrOutput, "__init__", killed)
        with pytest.raises(Killed):
            create_output(path, (1, 2, 4, 4), "uint8", resume=True)
    again = create_output(path, (1, 2, 4, 4), "uint8", resume=True)
    assert again.resumed
    again.discard()


def test_another_output_is_not_taken_for_the_unfinished_one(tmp_path):
    first = create_output(tmp_path / "a.tif", (1, 2, 4, 4), "uint32")
    first._staged._lock.release()
    other = create_output(tmp_path / "a.tif", (1, 2, 4, 5), "uint32", resume=True)
    assert not other.resumed
    other._staged._lock.release()
    last = create_output(f"{tmp_path}/a.tif/", (1, 2, 4, 5), "uint32", resume=True)
    assert not last.resumed
    last.discard()


def test_two_processes_cannot_write_one_target(tmp_path, suffix):
    output = create_output(tmp_path / f"a.{suffix}", (1, 1, 2, 2), "uint8")
    with pytest.raises(Busy, match="Another process is writing"):
        create_output(tmp_path / f"a.{suffix}", (1, 1, 2, 2), "uint8")
    output.discard()


def test_an_unfinished_zarr_is_not_sealed(tmp_path):
    output = create_output(tmp_path / "a.zarr", (2, 1, 2, 2), "uint8")
    with pytest.raises(Busy, match="2 of 2 blocks"):
        output.seal()
    assert not (tmp_path / "a.zarr").exists()


@pytest.mark.parametrize("name", ["a.png", "a", "a.zip", "missing-folder/a.tif"])
def test_a_place_where_nothing_can_be_written_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput):
        create_output(tmp_path / name, (1, 1, 2, 2), "uint8")


FULL = """
import resource, sys
import numpy as np
from cristae.errors import DiskFull
from cristae.geometry import Box
from cristae.volumes import create_output

output = create_output(sys.argv[1], (1, 40, 256, 256), "uint8")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
voxels = np.random.default_rng(0).integers(0, 255, (8, 256, 256)).astype(np.uint8)
try:
    for z in range(0, 40, 8):
        output.write(Box((z, 0, 0), (z + 8, 256, 256)), voxels)
    output.seal()
except DiskFull as full:
    print(full.sentence)
output.discard()
"""


@pytest.mark.parametrize("most_bytes", [10_000, 300_000, 2_000_000])
def test_an_hdf5_file_that_finds_no_more_room_ends_with_a_sentence_and_no_crash(tmp_path, most_bytes):
    command = [sys.executable, "-c", FULL, str(tmp_path / "a.h5"), str(most_bytes)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "probably the disk is full" in told.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_to_is_named_with_what_to_do(tmp_path, monkeypatch, number):
    def refuse(self, *_, **__):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InvalidInput, match=f"{tmp_path} may not be written to .* choose another folder"):
        create_output(tmp_path / "a.tif", (1, 1, 2, 2), "uint8")


@pytest.mark.parametrize(
    ("box", "voxels"),
    [
        (Box((0, 0, 0), (1, 2, 3)), np.zeros((1, 2, 3), np.uint8)),
        (Box((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 1), np.uint8)),
        (Box((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 2), np.uint16)),
    ],
)
def test_voxels_that_do_not_fit_are_refused(tmp_path, suffix, box, voxels):
    output = create_output(tmp_path / f"a.{suffix}", (1, 1, 2, 2), "uint8")
    with pytest.raises(InvalidInput):
        output.write(box, voxels)
    output.discard()


def test_a_full_disk_promises_no_going_on_to_an_hdf5_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFull("Free some space, then go on: nothing finished is lost.")

    monkeypatch.setattr("cristae.volumes.output_hdf5.check_free_space", full)
    output = create_output(tmp_path / "a.h5", (1, 1, 4, 4), "uint8")
    with pytest.raises(DiskFull, match="begin again: what was written of it is lost"):
        output.write(Box.of_shape((1, 4, 4)), np.ones((1, 4, 4), np.uint8))
    output.discard()
