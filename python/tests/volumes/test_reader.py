"""Files under a data root, opened in a process of their own: the same voxels, no harm from broken ones."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import threading

import h5py
import nibabel
import numpy as np
import psutil
import pytest
import tifffile
import zarr
from written_formats import (
    FORMATS,
    SHAPE,
    some_voxels,
    write_hdf5,
    write_mrc,
    write_n5,
    write_planes,
    write_tiff,
)

from cristae.errors import CorruptData, CristaeError, InvalidInput, NotFound
from cristae.geometry import Box
from cristae.settings import MIB
from cristae.volumes import VolumeStore, open_image, reader_process
from cristae.volumes import reader as reader_module
from cristae.volumes.conversion import as_image
from cristae.volumes.data_root import DataRoot
from cristae.volumes.found import FoundVolume, JobVolumes
from cristae.volumes.reader import Patience, Reader, ReadingEnded
from cristae.volumes.states import state_of

CAP = 640 * MIB  # of which the readers' libraries take about half
BOMB = (1, 1024, 1024 * 1024)


class Corner:
    """The reader of all tests, which takes seconds to start, in the folder of one."""

    def __init__(self, reader, folder):
        self.reader, self.prefix = reader, f"{folder.name}/data/"

    def look(self, name):
        return self.reader.look(self.prefix + name)

    def open(self, name, key="", title=""):
        return self.reader.open(self.prefix + name, key, title)


@pytest.fixture(scope="module")
def one_for_all(tmp_path_factory):
    with Reader(DataRoot(tmp_path_factory.getbasetemp())) as reader:
        yield reader


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data").mkdir()
    return DataRoot(tmp_path / "data")


@pytest.fixture
def reader(one_for_all, tmp_path):
    return Corner(one_for_all, tmp_path)


@pytest.fixture
def capped(root):
    with Reader(root, Patience(memory_bytes=CAP)) as reader:
        yield reader


@pytest.fixture
def voxels():
    return some_voxels()


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_has_the_same_voxels_and_facts_through_the_process_as_without(root, reader, voxels, name):
    FORMATS[name](root.folder / name, voxels)
    here = open_image(root.folder / name)
    there = as_image(reader.open(name))
    assert (there.shape_czyx, there.dtype, there.voxel_size) == (here.shape_czyx, here.dtype, here.voxel_size)
    assert set(here.notes) >= set(there.notes)
    for box in (Box.of_shape(SHAPE), Box((1, 3, 2), (4, 33, 29)), Box((4, 39, 29), (5, 40, 30))):
        assert np.array_equal(there.read(box), here.read(box))
        assert np.array_equal(there.read(box)[0], voxels[box.slices])
    (looked,) = reader.look(name)
    assert (looked.shape_czyx, looked.voxel_size, looked.problem) == ((1, *SHAPE), here.voxel_size, "")
    assert looked.dtype == ("int16" if name == "a.mrc" else "uint8")


def test_a_large_box_comes_in_pieces_and_whole(root, reader, voxels, monkeypatch):
    write_hdf5(root.folder / "a.h5", voxels)
    image = reader.open("a.h5")
    for most in (1, 40, 30 * 40 + 1, 3 * 30 * 40):  # a row, a row, a section, three sections
        monkeypatch.setattr(reader_module, "_MOST_TOGETHER", most)
        box = Box((1, 2, 3), (5, 40, 30))
        assert np.array_equal(image.read(box)[0], voxels[box.slices])


def test_several_images_in_a_file_are_told_one_by_one(root, reader, voxels):
    with h5py.File(root.folder / "a.h5", "w") as file:
        file["volumes/raw"] = voxels
        file["volumes/labels"] = voxels.astype(np.uint16)
    write_n5(root.folder / "n5/raw/s0", voxels)
    write_n5(root.folder / "n5/labels/s0", voxels)
    (root.folder / "n5/attributes.json").write_text('{"n5": "2.0.0"}')
    group = zarr.open_group(root.folder / "a.zarr", mode="w")
    group.create_array("em", data=voxels)
    group.create_array("seg", data=voxels)
    told = {
        name: [(one.key, one.dtype, one.problem) for one in reader.look(name)]
        for name in ("a.h5", "n5", "a.zarr")
    }
    assert told == {
        "a.h5": [("volumes/labels", "uint16", ""), ("volumes/raw", "uint8", "")],
        "n5": [("labels/s0", "uint8", ""), ("raw/s0", "uint8", "")],
        "a.zarr": [("em", "uint8", ""), ("seg", "uint8", "")],
    }
    for name, key in (("a.h5", "volumes/raw"), ("n5", "raw/s0"), ("a.zarr", "em")):
        assert np.array_equal(reader.open(name, key).read(Box.of_shape(SHAPE))[0], voxels)


def test_a_folder_of_stacks_is_no_folder_of_slices(root, reader, voxels):
    (root.folder / "stacks").mkdir()
    for number in range(2):
        write_tiff(root.folder / "stacks" / f"{number}.tif", voxels)
    assert reader.look("stacks") == []


def test_a_missing_plane_is_told_and_planes_of_other_shapes_are_refused(root, reader, voxels):
    write_planes("tif")(root.folder / "planes", voxels)
    (root.folder / "planes" / "plane10.tif").unlink()
    (looked,) = reader.look("planes")
    assert "seems to be missing between plane9.tif and plane11.tif" in " ".join(looked.notes)
    tifffile.imwrite(root.folder / "planes" / "plane12.tif", voxels[0, :10])
    with pytest.raises(
        InvalidInput, match=r"plane12.tif is \(10, 30\) uint8, but the first slice plane8.tif is"
    ):
        reader.open("planes").read(Box.of_shape((4, 40, 30)))


# What is broken or hostile


@pytest.mark.parametrize("name", [name for name in FORMATS if "." in name and not name.endswith(".zarr")])
def test_a_file_that_was_cut_off_gets_a_sentence_and_the_next_one_is_read(root, reader, voxels, name):
    place = root.folder / name
    FORMATS[name](place, np.tile(voxels, (4, 4, 4)))
    place.write_bytes(place.read_bytes()[: place.stat().st_size // 3])
    with pytest.raises(CristaeError) as refused:
        reader.open(name).read(Box.of_shape(SHAPE))
    assert "cannot be read" in refused.value.sentence or "cut off" in refused.value.sentence
    assert str(root.folder) not in refused.value.sentence
    write_tiff(root.folder / "sound.tif", voxels)
    assert reader.look("sound.tif")[0].problem == ""


def test_no_bytes_at_all_get_a_sentence(root, reader):
    for name in (
        "a.tif",
        "a.h5",
        "a.mrc",
        "a.nii",
        "a.nii.gz",
        "a.zarr/zarr.json",
        "b.zarr/.zarray",
        "1/a.png",
    ):
        (root.folder / name).parent.mkdir(exist_ok=True)
        (root.folder / name).touch()
        top = name if name != "a.zarr/zarr.json" and name != "b.zarr/.zarray" else name.partition("/")[0]
        (looked,) = reader.look(top)
        assert looked.problem.endswith(".")


def test_a_small_file_that_declares_terabytes_is_refused_before_a_voxel_is_read(root, capped):
    tifffile.imwrite(root.folder / "a.tif", np.zeros((8, 8), np.uint8), compression="zlib")
    with tifffile.TiffFile(root.folder / "a.tif", mode="r+b") as file:
        for tag in ("ImageLength", "ImageWidth", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(200_000)
    nifti = nibabel.Nifti1Header()
    nifti.set_data_shape((30000, 30000, 30000))
    (root.folder / "a.nii").write_bytes(nifti.binaryblock + bytes(1000))
    array = {"zarr_format": 2, "shape": [2**30, 2**30], "chunks": [64, 64], "dtype": "|u1", "fill_value": 0}
    (root.folder / "a.zarr").mkdir()
    (root.folder / "a.zarr/.zarray").write_text(
        json.dumps({**array, "order": "C", "filters": None, "compressor": None})
    )
    (root.folder / "b.zarr").mkdir()
    large = {**array, "shape": [2**17, 2**17], "chunks": [2**17, 2**17]}
    (root.folder / "b.zarr/.zarray").write_text(
        json.dumps({**large, "order": "C", "filters": None, "compressor": None})
    )
    said = {}
    for name in ("a.tif", "a.nii", "a.zarr", "b.zarr"):
        (looked,) = capped.look(name)
        said[name] = looked.problem
    assert "that is no real image" in said["a.tif"]
    assert "shorter than its header says" in said["a.nii"]
    assert "at most 2^41" in said["a.zarr"]
    assert "chunks below 2 GiB" in said["b.zarr"]


def tiff_bomb(place):
    zeros = np.zeros(BOMB[1:], np.uint8)
    tifffile.imwrite(place, zeros, compression="zlib", photometric="minisblack", rowsperstrip=BOMB[1])


def hdf5_bomb(place):
    with h5py.File(place, "w") as file:
        file.create_dataset(
            "raw", data=np.zeros(BOMB, np.uint8), chunks=BOMB, compression="gzip", compression_opts=1
        )


def zarr_bomb(place):
    place.mkdir()
    array = {"zarr_format": 2, "shape": [1, 16, 16], "chunks": [1, 16, 16], "dtype": "|u1", "fill_value": 0}
    codec = {"order": "C", "filters": None, "compressor": {"id": "gzip", "level": 1}}
    (place / ".zarray").write_text(json.dumps({**array, **codec}))
    (place / "0.0.0").write_bytes(gzip.compress(bytes(1024 * MIB), 1))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process surely")
@pytest.mark.parametrize(
    ("name", "write"), [("a.tif", tiff_bomb), ("a.h5", hdf5_bomb), ("a.zarr", zarr_bomb)]
)
def test_a_chunk_that_swells_to_a_gigabyte_gets_a_sentence_and_the_next_file_is_read(
    root, capped, voxels, name, write
):
    write(root.folder / name)
    image = capped.open(name)
    with pytest.raises(CristaeError) as refused:
        image.read(Box((0, 0, 0), (1, 16, 16)))
    assert refused.value.sentence
    write_tiff(root.folder / "sound.tif", voxels)
    assert np.array_equal(capped.open("sound.tif").read(Box.of_shape(SHAPE))[0], voxels)


def test_a_reader_that_dies_ends_one_question_and_the_next_one_gets_another(root, reader, voxels):
    write_tiff(root.folder / "a.tif", voxels)
    image = reader.open("a.tif", title="a.tif")
    os.kill(reader.reader._process.pid, signal.SIGSTOP)
    os.kill(reader.reader._process.pid, signal.SIGKILL)
    with pytest.raises(CorruptData, match=r"The box .* of a.tif cannot be read.*ended the process"):
        image.read(Box.of_shape(SHAPE))
    assert reader.look("a.tif")[0].shape_czyx == (1, *SHAPE)


def test_what_was_open_in_a_reader_that_died_is_never_taken_for_what_the_next_one_opened(root, voxels):
    write_tiff(root.folder / "a.tif", voxels)
    write_tiff(root.folder / "b.tif", voxels // 2)
    with Reader(root) as reader:
        before = reader.open("a.tif")
        reader._process.kill()
        reader._process.wait()
        after = reader.open("b.tif")
        with pytest.raises(CorruptData, match="what was open in it is closed"):
            before.read(Box.of_shape(SHAPE))
        assert np.array_equal(after.read(Box.of_shape(SHAPE))[0], voxels // 2)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be made to hang here")
def test_a_question_that_hangs_is_broken_off_and_no_other_process_is_started(root, voxels):
    write_tiff(root.folder / "a.tif", voxels)
    with Reader(root) as reader:
        reader.state("a.tif")
        os.kill(reader._process.pid, signal.SIGSTOP)
        threading.Timer(0.5, reader.abort).start()
        with pytest.raises(ReadingEnded):
            reader.look("a.tif")
        with pytest.raises(ReadingEnded, match="The server stops"):
            reader.look("a.tif")
        assert reader._process is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell that a parent has gone")
def test_a_process_ends_when_its_parent_is_gone_though_its_pipe_is_still_held(root):
    held, ours = os.pipe()
    words = ["-m", "cristae.volumes.reader_process", str(root.folder), str(4 * 1024 * MIB)]
    child = f"subprocess.Popen([sys.executable, *{words!r}, str(os.getpid())], stdout=2)"
    parent = subprocess.run(
        [sys.executable, "-c", f"import os, subprocess, sys; print({child}.pid)"],
        stdin=held,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    try:
        psutil.Process(int(parent.stdout)).wait(120)
    except psutil.NoSuchProcess:
        pass
    finally:
        os.close(ours)
        os.close(held)


def test_a_process_that_cannot_be_started_gets_a_sentence(root, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(root.folder / "none"))
    with Reader(root) as reader, pytest.raises(ReadingEnded, match="did not start"):
        reader.look("a.tif")


def test_metadata_that_nobody_understands_gets_a_sentence_and_a_trace_for_the_log(
    root, reader, voxels, monkeypatch
):
    logged = []
    monkeypatch.setattr(
        "cristae.volumes.reader._log.warning", lambda text, *words: logged.append(text % words)
    )
    group = zarr.open_group(root.folder / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=voxels)
    group.attrs["multiscales"] = [
        {"datasets": [{"path": "0", "coordinateTransformations": [7]}], "axes": ["z", "y", "x"]}
    ]
    (looked,) = reader.look("a.zarr")
    assert "metadata cannot be understood" in looked.problem
    with pytest.raises(InvalidInput, match="metadata cannot be understood"):
        reader.open("a.zarr")
    assert ["Traceback" in text for text in logged] == [True, True]
    write_hdf5(root.folder / "a.h5", voxels)
    assert reader.look("a.h5")[0].problem == ""


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_names_that_are_no_text_are_left_out_and_counted(root, reader, voxels):
    with h5py.File(root.folder / "a.h5", "w") as file:
        file["raw"] = voxels
        file[b"odd\xff"] = voxels
        file["x" * 600] = voxels
    (looked,) = reader.look("a.h5")
    assert (looked.key, looked.problem) == ("raw", "")
    assert "2 images in a.h5 were left out: their names are too long" in looked.notes[-1]
    write_n5(root.folder / "n5", voxels)
    (root.folder / "n5" / os.fsdecode(b"bad\xff")).symlink_to("nowhere")
    (looked,) = reader.look("n5")
    assert "holds bad?, which is a link" in looked.problem


def test_what_a_disk_or_the_system_refuses_may_pass_and_is_no_broken_file():
    refused = InvalidInput("a.tif cannot be read.")
    refused.__cause__ = OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        reader_process._raise_what_may_pass(refused)
    refused.__cause__ = OSError("bad signature")
    reader_process._raise_what_may_pass(refused)


def test_a_chunk_that_would_run_code_is_not_unpacked(root, reader):
    place = root.folder / "a.zarr"
    place.mkdir()
    array = {"zarr_format": 2, "shape": [1, 4, 4], "chunks": [1, 4, 4], "dtype": "|u1", "fill_value": 0}
    pickled = {"order": "C", "filters": None, "compressor": {"id": "pickle"}}
    (place / ".zarray").write_text(json.dumps({**array, **pickled}))
    (place / "0.0.0").write_bytes(f"cos\nmkdir\n(V{root.folder / 'harm'}\ntR.".encode())
    (looked,) = reader.look("a.zarr")
    assert looked.problem
    with pytest.raises(CristaeError):
        reader.open("a.zarr").read(Box.of_shape((1, 4, 4)))
    assert not (root.folder / "harm").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be made to hang here")
def test_an_answer_is_waited_for_a_bounded_time(root, voxels):
    write_tiff(root.folder / "a.tif", voxels)
    with Reader(root, Patience(look_s=0.2)) as hasty:
        hasty.state("a.tif")
        os.kill(hasty._process.pid, signal.SIGSTOP)
        with pytest.raises(ReadingEnded, match="took longer than"):
            hasty.look("a.tif")
        assert hasty.state("a.tif") == state_of(root.folder / "a.tif")


def test_the_process_loads_no_torch_and_ends_with_its_reader(root, voxels):
    write_hdf5(root.folder / "a.h5", voxels)
    with Reader(root) as reader:
        reader.open("a.h5")
        process = psutil.Process(reader._process.pid)
        if sys.platform == "linux":
            assert not [one.path for one in process.memory_maps() if "torch" in one.path]
    assert not process.is_running()


# What leads elsewhere


def test_an_hdf5_file_whose_voxels_lie_elsewhere_is_refused(root, reader, tmp_path, voxels):
    (tmp_path / "secret.bin").write_bytes(voxels.tobytes())
    with h5py.File(root.folder / "a.h5", "w") as file:
        file.create_dataset("raw", SHAPE, np.uint8, external=[(str(tmp_path / "secret.bin"), 0, voxels.size)])
    write_hdf5(tmp_path / "secret.h5", voxels)
    layout = h5py.VirtualLayout(SHAPE, np.uint8)
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "raw", SHAPE)
    with h5py.File(root.folder / "b.h5", "w") as file:
        file.create_virtual_dataset("raw", layout)
    with h5py.File(root.folder / "c.h5", "w") as file:
        file["raw"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "raw")
    for name in ("a.h5", "b.h5"):
        with pytest.raises(InvalidInput, match="voxels lie in other files"):
            reader.open(name)
    with pytest.raises(InvalidInput, match="holds no image"):
        reader.open("c.h5")
    with pytest.raises(InvalidInput, match="has no image 'raw'"):
        reader.open("c.h5", "raw")


def test_of_an_hdf5_file_only_the_images_that_lie_elsewhere_are_refused(root, reader, tmp_path, voxels):
    (tmp_path / "secret.bin").write_bytes(voxels.tobytes())
    with h5py.File(root.folder / "a.h5", "w") as file:
        file["own"] = voxels
        file.create_dataset("far", SHAPE, np.uint8, external=[(str(tmp_path / "secret.bin"), 0, voxels.size)])
    far, own = sorted(reader.look("a.h5"), key=lambda one: one.key)
    assert (far.key, own.key, own.problem) == ("far", "own", "")
    assert "voxels lie in other files" in far.problem
    assert np.array_equal(reader.open("a.h5", "own").read(Box.of_shape(SHAPE))[0], voxels)


def test_a_tiff_that_names_other_files_is_refused(root, reader, tmp_path, voxels):
    for name, plane in (("a.ome.tif", voxels[0]), ("b.ome.tif", voxels[1])):
        uuid = {"a.ome.tif": "urn:uuid:a", "b.ome.tif": "urn:uuid:b"}
        data = "".join(
            f'<TiffData FirstZ="{z}" IFD="0"><UUID FileName="{file}">{uuid[file]}</UUID></TiffData>'
            for z, file in enumerate(uuid)
        )
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuid[name]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            'Type="uint8" SizeX="30" SizeY="40" SizeZ="2" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:0"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(root.folder / name, plane, description=xml, metadata=None)
    with pytest.raises(InvalidInput, match="voxels lie in other files"):
        reader.open("a.ome.tif")


@pytest.mark.parametrize("name", ["new.zarr", "n5", "planes"])
def test_a_link_in_a_store_is_refused(root, reader, tmp_path, voxels, name):
    FORMATS[name](root.folder / name, voxels)
    (tmp_path / "secret").write_bytes(b"secret")
    (root.folder / name / "plane99.tif").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidInput, match=r"holds plane99.tif, which is a link or no plain file"):
        reader.open(name)
    (looked,) = reader.look(name)
    assert "which is a link or no plain file" in looked.problem


def test_an_array_of_a_store_is_not_looked_for_outside_of_it(root, reader, voxels):
    for name in ("one", "two"):
        write_n5(root.folder / name, voxels)
        zarr.open_group(root.folder / f"{name}.zarr", mode="w").create_array("raw", data=voxels)
    for name, key in (("one", "../two"), ("one.zarr", "../two.zarr/raw"), ("one", "/etc")):
        with pytest.raises(CristaeError):
            reader.open(name, key)
    with pytest.raises(NotFound):
        reader.open("one/../two")


# What a job needs


def found(root, name, key=""):
    return FoundVolume("a" * 64, name, key, state_of(root.place(name)))


def test_a_job_reads_what_it_was_submitted_with_and_nothing_that_changed_since(root, voxels, tmp_path):
    store = VolumeStore(tmp_path / "home", free_floor_bytes=0)
    write_mrc(root.folder / "a.mrc", voxels)
    needs = (found(root, "a.mrc"),)
    with JobVolumes(store, root, needs) as volumes:
        assert volumes.glance("a" * 64).dtype == np.int16
        image = volumes.open("a" * 64)
        assert (image.name, image.dtype) == ("a.mrc", np.uint16)
        assert np.array_equal(image.read(Box.of_shape(SHAPE))[0], voxels)
        assert volumes.open("a" * 64, "mine.mrc").name == "mine.mrc"
        with pytest.raises(NotFound, match="no such volume"):
            volumes.open("b" * 64)
        volumes.refuse_changed()
        os.utime(root.folder / "a.mrc", ns=(5, 5))
        for read in (volumes.refuse_changed, lambda: volumes.open("a" * 64)):
            with pytest.raises(InvalidInput, match=r"'a\.mrc' under the data root was changed since the job"):
                read()
        (root.folder / "a.mrc").unlink()
        with pytest.raises(NotFound, match=r"no 'a\.mrc' under the server's data root"):
            volumes.refuse_changed()
    with pytest.raises(NotFound, match="which this server has not"):
        JobVolumes(store, None, needs)
    with JobVolumes(store, None, ()) as nothing:
        nothing.refuse_changed()


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "nonsense"},
        {"shape_czyx": 7},
        {"shape_czyx": ["x"] * 4},
        {"voxel_size_nm": [1]},
        {"notes": 3},
        {"doubts": 3},
    ],
)
def test_an_answer_that_makes_no_sense_gets_a_sentence(change):
    told = {
        "key": "", "shape_czyx": [1, 2, 3, 4], "dtype": "uint8", "voxel_size_nm": None, "display_unit": "nm",
        "notes": [], "doubts": [],
    }  # fmt: skip
    assert reader_module._looked(told).shape_czyx == (1, 2, 3, 4)
    with pytest.raises(ReadingEnded, match="makes no sense"):
        reader_module._looked(told | change)
