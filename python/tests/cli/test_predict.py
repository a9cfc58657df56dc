import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from drawn_models import add_model

import cristae
from cristae import cli
from cristae.door import results
from cristae.door.resume import fingerprint
from cristae.door.workers import LocalWorkers
from cristae.errors import Cancelled, CorruptData, CristaeError, DiskFull, InvalidInput
from cristae.geometry import Box
from cristae.models import ModelLibrary
from cristae.prediction import fitting
from cristae.volumes import open_image, staging
from cristae.volumes.image import Voxels
from cristae.volumes.import_tiff import TiffImage
from cristae.volumes.output_tiff import TiffOutput


@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif", "out.zarr", "out.ome.zarr", "out.h5", "out/"])
def test_a_stack_is_predicted_into_the_format_of_the_suffix_with_its_calibration(
    home: Path, stack: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{tmp_path}/{name}"
    assert cli.main(["predict", str(stack), out, "--model", "mito"]) == 0
    assert capsys.readouterr().out == f"Written: {out}\n"
    written = open_image(out)
    assert written.shape_czyx == (1, 6, 40, 52)
    assert written.dtype == np.uint8
    assert written.voxel_size is not None
    assert written.voxel_size.zyx_nm == pytest.approx((50.0, 4.6, 4.6))
    in_memory = cristae.predict(tifffile.imread(stack), model="mito")
    assert np.array_equal(written.read(Box.of_shape((6, 40, 52)))[0], in_memory)
    assert set(np.unique(in_memory)) <= {0, 1, 2}


def test_one_tile_is_not_called_tiles(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["predict", str(stack), str(tmp_path / "out.tif"), "--model", "mito"]) == 0
    assert ", 1 tile of " in capsys.readouterr().err


def test_the_names_of_the_classes_travel_with_the_labels(home: Path, stack: Path, tmp_path: Path) -> None:
    assert cli.main(["predict", str(stack), str(tmp_path / "out.tif"), "--model", "mito"]) == 0
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.imagej_metadata is not None
        assert "1 = mitochondria" in file.imagej_metadata["Info"]


def test_probabilities_have_a_channel_for_each_class_with_the_background(
    home: Path, stack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    assert cli.main(["predict", str(stack), str(out), "--model", "mito", "--output", "probabilities"]) == 0
    assert open_image(out).shape_czyx == (3, 6, 40, 52)


def test_a_model_of_instances_gives_instances_unless_told_otherwise(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.tif"
    words = ["predict", str(stack), str(out), "--model", "neurons", "--voxel-size", "10,10,10", "--json"]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "model": "neurons"}
    assert tifffile.imread(out).dtype == np.uint16


def test_several_models_answer_together(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = ModelLibrary(home / "models")
    for name in ("mito", "neurons"):  # the same, but for the last layer
        package = library.get(name)
        weights = package.weights()
        weights["head.weight"] = -weights["head.weight"]
        library.add({**package.record, "name": f"{name}-2"}, weights)
    out = tmp_path / "out.tif"
    words = ["predict", str(stack), str(out), "--model", "mito", "--json"]
    assert cli.main([*words, "--model", "neurons-2"]) == 1
    assert "'mito' and 'neurons-2' cannot be combined" in capsys.readouterr().err
    assert cli.main([*words, "--model", "mito"]) == 1
    assert "'mito' is given twice" in capsys.readouterr().err
    assert cli.main([*words, "--model", "mito-2", "--combine", "vote"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "model": ["mito", "mito-2"]}
    in_memory = cristae.predict(tifffile.imread(stack), model=["mito", "mito-2"], combine="vote")
    assert np.array_equal(tifffile.imread(out), in_memory)


def test_a_way_to_combine_is_refused_where_one_model_is_given(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.tif"
    for way in ("vote", "mean"):
        assert cli.main(["predict", str(stack), str(out), "--model", "mito", "--combine", way]) == 1
        assert f"One model is given, and combine={way} says how several" in capsys.readouterr().err
        for model in ("mito", ["mito"]):
            with pytest.raises(InvalidInput, match="Name further models"):
                cristae.predict(tifffile.imread(stack), model=model, combine=way)
    assert not out.exists()


def test_an_image_of_other_voxels_than_the_models_is_resampled_and_that_is_said(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.tif"
    assert cli.main(["predict", str(stack), str(out), "--model", "neurons", "--output", "labels"]) == 0
    assert (
        "voxels of 50 x 4.6 x 4.6 nm (z, y, x), the model was trained on 10 x 10 x 10 nm"
        in capsys.readouterr().err
    )
    assert tifffile.imread(out).shape == (6, 40, 52)


def test_an_existing_result_is_replaced_only_when_that_is_said(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.tif"
    out.write_bytes(b"precious")
    words = ["predict", str(stack), str(out), "--model", "mito"]
    assert cli.main(words) == 1
    assert "is there already" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert cli.main([*words, "--overwrite"]) == 0
    assert tifffile.imread(out).shape == (6, 40, 52)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["{stack}", "{tmp}/o.tif", "--model", "nucleus"],
            "There is no model 'nucleus'. There are: mito, neurons.",
        ),
        (["{stack}", "{tmp}/o.xyz", "--model", "mito"], "means no format"),
        (["{stack}", "{tmp}/o.xyz", "--model", "neurons", "--voxel-size", "10,10,10"], "means no format"),
        (["{tmp}/none.tif", "{tmp}/o.tif", "--model", "mito"], "none.tif"),
        (
            ["{stack}", "{tmp}/o.tif", "--model", "overlapping", "--output", "instances"],
            "gives labels or probabilities or uncertainty",
        ),
        (["{stack}", "{tmp}/o.tif", "--model", "mito", "--device", "cuda:99"], "no such GPU"),
    ],
)
def test_what_cannot_be_predicted_is_one_sentence_and_leaves_nothing_behind(
    home: Path, stack: Path, tmp_path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "overlapping" in words:
        add_model(home, "overlapping", target="masks")
    before = {path.name for path in tmp_path.iterdir()}
    assert cli.main(["predict", *(word.format(stack=stack, tmp=tmp_path) for word in words)]) == 1
    sentence = capsys.readouterr().err
    assert told in sentence
    assert sentence.splitlines()[-1].startswith("cristae: ")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_what_needs_no_voxel_is_refused_before_the_model_is_loaded_and_a_voxel_read(
    home: Path, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_, **__):
        raise AssertionError("It was refused too late.")

    monkeypatch.setattr(cristae.prediction, "load_models", too_late)
    monkeypatch.setattr(TiffImage, "read", too_late)
    add_model(home, "overlapping", target="masks")
    (tmp_path / "there.tif").touch()
    smaller = tmp_path / "smaller.tif"
    tifffile.imwrite(smaller, np.ones((6, 40, 51), np.uint8))
    wrong = [
        ("there.tif", {}, "is there already"),
        ("out.jpg", {}, "an ending that means no format"),
        ("nowhere/out.tif", {}, "There is no folder"),
        ("out.tif", {"model": "overlapping", "kind": "instances"}, "This model gives labels or"),
        ("out.tif", {"model": "neurons", "split_touching": True}, "was trained on instances"),
        ("out.tif", {"split_touching": True}, "Touching objects are split in the output instances"),
        ("out.tif", {"raw": np.zeros((2, 6, 40, 52), np.uint8)}, "The image has 2 channels, the model was"),
        ("out.tif", {"inside": smaller}, "mask"),
        (
            "out.tif",
            {"raw": np.zeros((6, 40, 52), np.uint8), "workers": LocalWorkers(2)},
            "paths, not arrays",
        ),
    ]
    for name, choices, sentence in wrong:
        choices = {"raw": stack, "model": "mito", **choices}
        with pytest.raises(CristaeError, match=sentence):
            cristae.predict(choices.pop("raw"), tmp_path / name, **choices)
    monkeypatch.setattr(staging.os, "access", lambda *_: False)
    with pytest.raises(InvalidInput, match="may not be written to"):
        cristae.predict(stack, tmp_path / "out.tif", model="mito")
    assert not list(tmp_path.glob(".*"))


def test_a_result_never_replaces_the_image_that_it_is_made_from(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stack.read_bytes()
    assert cli.main(["predict", str(stack), str(stack), "--model", "mito", "--overwrite"]) == 1
    assert "is what the result is made of" in capsys.readouterr().err
    assert stack.read_bytes() == before
    container = tmp_path / "raw.zarr"
    inside = zarr.open_group(container, mode="w").create_array("0", data=tifffile.imread(stack))
    with pytest.raises(InvalidInput, match="is what the result is made of"):
        cristae.predict(container / "0", container, model="mito", overwrite=True)
    assert np.array_equal(inside[:], tifffile.imread(stack))


def test_a_result_never_becomes_a_slice_of_the_image_that_it_is_made_from(
    home: Path, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slices = tmp_path / "slices"
    slices.mkdir()
    for z, plane in enumerate(tifffile.imread(stack)):
        tifffile.imwrite(slices / f"{z}.tif", plane)
    assert cli.main(["predict", str(slices), str(slices / "labels.tif"), "--model", "mito"]) == 1
    assert "would become one more slice of the image" in capsys.readouterr().err
    assert len(list(slices.iterdir())) == 6
    assert cli.main(["predict", str(slices), str(slices / "labels.zarr"), "--model", "mito"]) == 0
    assert open_image(slices).shape_czyx == (1, 6, 40, 52)


def test_an_image_that_changed_inside_its_folder_or_file_is_another_image(tmp_path: Path) -> None:
    folder = tmp_path / "slices"
    folder.mkdir()
    slices = [folder / f"{z}.tif" for z in range(2)]
    for file in slices:
        tifffile.imwrite(file, np.zeros((4, 5), np.uint8))
    cells = tmp_path / "cells.h5"
    cells.write_bytes(b"1")
    sources = [folder, Path(f"{cells}:raw"), Path(f"{cells}:labels"), cells]
    before = [fingerprint(source) for source in sources]
    assert len(set(before)) == 4
    assert [fingerprint(source) for source in sources] == before
    slices[1].write_bytes(slices[1].read_bytes() + b" ")
    cells.write_bytes(b"12")
    assert not set(before) & {fingerprint(source) for source in sources}


@pytest.mark.parametrize("name", ["out.tif", "out.zarr", "out/"])
def test_an_interrupted_prediction_goes_on_when_the_same_call_comes_again(
    home: Path, stack: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiles are made tiny, so that there is something to go on from."""
    whole = cristae.predict(stack, model="mito")
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    out = f"{tmp_path}/{name}"
    asked = iter(range(1000))
    with pytest.raises(Cancelled, match="same command again"):
        cristae.predict(stack, out, model="mito", should_stop=lambda: next(asked) >= 2)
    assert not Path(out).exists()
    told: list[str] = []
    cristae.predict(stack, out, model="mito", on_event=lambda event: told.append(str(event)))
    assert any("2 of" in sentence and "finished before the interruption" in sentence for sentence in told)
    assert np.array_equal(open_image(out).read(Box.of_shape((6, 40, 52)))[0], whole)


def test_an_interrupted_hdf5_file_leaves_nothing_and_promises_nothing(
    home: Path, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    before = {path.name for path in tmp_path.iterdir()}
    asked = iter(range(1000))
    with pytest.raises(Cancelled) as cancelled:
        cristae.predict(stack, tmp_path / "out.h5", model="mito", should_stop=lambda: next(asked) >= 2)
    assert "goes on" not in cancelled.value.sentence
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("failure", [DiskFull("It is full.", Path("there")), CorruptData("It went away.")])
def test_a_failure_after_a_finished_tile_loses_none_and_one_before_leaves_nothing(
    home: Path, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: CristaeError
) -> None:
    whole = cristae.predict(stack, model="mito")
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    out, before = tmp_path / "out.tif", {path.name for path in tmp_path.iterdir()}
    really = TiffOutput.write

    def fails_from(tile: int) -> None:
        written = iter(range(1000))

        def write(self: TiffOutput, box_zyx: Box, voxels: Voxels) -> None:
            if next(written) >= tile:
                raise failure
            really(self, box_zyx, voxels)

        monkeypatch.setattr(TiffOutput, "write", write)

    sentence = failure.sentence
    fails_from(0)
    with pytest.raises(type(failure)) as told:
        cristae.predict(stack, out, model="mito")
    assert told.value.sentence == sentence
    assert {path.name for path in tmp_path.iterdir()} == before
    fails_from(2)
    with pytest.raises(type(failure), match=f"{sentence} Run the same command again") as told:
        cristae.predict(stack, out, model="mito")
    assert getattr(told.value, "folder", None) == getattr(failure, "folder", None)
    monkeypatch.setattr(TiffOutput, "write", really)
    events: list[str] = []
    cristae.predict(stack, out, model="mito", on_event=lambda event: events.append(str(event)))
    assert any("2 of" in event and "finished before the interruption" in event for event in events)
    assert np.array_equal(tifffile.imread(out), whole)


def test_a_ledger_never_vouches_for_an_output_that_somebody_deleted(
    home: Path, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cristae.predict(stack, model="mito")
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    out, asked = tmp_path / "out.tif", iter(range(1000))
    with pytest.raises(Cancelled):
        cristae.predict(stack, out, model="mito", should_stop=lambda: next(asked) >= 2)
    shutil.rmtree(tmp_path / ".out.tif.partial")

    def killed(predictor: object, image: object, output: TiffOutput, **_: object) -> None:
        output.close()  # so that its lock is free, as that of a killed process is
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(results, "predict", killed)
        with pytest.raises(KeyboardInterrupt):
            cristae.predict(stack, out, model="mito")
    cristae.predict(stack, out, model="mito")
    assert np.array_equal(tifffile.imread(out), whole)


def test_another_image_never_goes_on_from_what_the_first_one_left(
    home: Path, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, 255 - tifffile.imread(stack))
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    out = tmp_path / "out.tif"
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        cristae.predict(stack, out, model="mito", should_stop=lambda: next(asked) >= 2)
    cristae.predict(other, out, model="mito")
    assert np.array_equal(tifffile.imread(out), cristae.predict(other, model="mito"))


def test_arrays_come_in_every_usual_form(home: Path, stack: Path, tmp_path: Path) -> None:
    voxels = tifffile.imread(stack)
    labels = cristae.predict(voxels, model="mito")
    assert cristae.predict(voxels[0], model="mito").shape == (40, 52)
    assert cristae.predict(voxels[0], model="mito", kind="probabilities").shape == (3, 40, 52)
    assert np.array_equal(cristae.predict(voxels[None], model="mito"), labels)
    assert np.array_equal(cristae.predict(voxels.astype(">i8"), model="mito"), labels)
    on_disk = zarr.create_array(
        tmp_path / "raw.zarr", shape=voxels.shape, dtype=voxels.dtype, chunks=(2, 16, 16)
    )
    on_disk[:] = voxels
    assert np.array_equal(cristae.predict(on_disk, model="mito"), labels)
    with pytest.raises(InvalidInput, match="is not an image"):
        cristae.predict([1, 2, 3], model="mito")


def test_a_model_can_be_named_by_the_path_of_its_package(home: Path, stack: Path) -> None:
    assert cristae.predict(stack, model=home / "models" / "mito").shape == (6, 40, 52)
    assert cristae.predict(stack, model=str(home / "models" / "mito")).shape == (6, 40, 52)


KILLED = """
import os, signal, sys
import cristae
from cristae.prediction import fitting

fitting.voxels_at_once = lambda *_: 4000
asked = iter(range(1000))


def stop():
    if next(asked) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return False


cristae.predict(sys.argv[1], sys.argv[2], model="mito", home=sys.argv[3], should_stop=stop)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("name", ["out.h5", "out.tif", "out.ome.tif", "out.zarr", "out/"])
def test_a_prediction_that_was_killed_leaves_no_name_and_goes_on_or_says_why_not(
    home: Path, stack: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"{tmp_path}/{name}"
    ended = subprocess.run([sys.executable, "-c", KILLED, stack, out, home], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not Path(out).exists()
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    told: list[str] = []
    cristae.predict(stack, out, model="mito", on_event=lambda event: told.append(str(event)))
    words = "begins anew" if name == "out.h5" else "finished before the interruption"
    assert any(words in sentence for sentence in told)
    whole = cristae.predict(stack, model="mito")
    assert np.array_equal(open_image(out).read(Box.of_shape((6, 40, 52)))[0], whole)
    assert not Path(f"{tmp_path}/.{Path(out).name}.partial").exists()


def test_what_was_begun_as_another_kind_of_result_is_told_to_begin_anew(
    home: Path, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 4000)
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        cristae.predict(
            stack,
            tmp_path / "o.tif",
            model="mito",
            kind="probabilities",
            should_stop=lambda: next(asked) >= 2,
        )
    told: list[str] = []
    cristae.predict(stack, tmp_path / "o.tif", model="mito", on_event=lambda event: told.append(str(event)))
    assert any("another kind or shape: it begins anew" in sentence for sentence in told)
