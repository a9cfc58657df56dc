"""Event files, read back record by record, and TensorBoard itself on them."""

import io
import json
import re
import signal
import struct
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cristae import cli
from cristae.commands.eventfiles import TrainingLog, TrainingOfJob
from cristae.events import Metrics, Note
from cristae.jobs.journal import Journal
from cristae.jobs.records import JobRecord
from cristae.jobs.specs import PredictionSpec, TrainingSpec
from cristae.jobs.states import JobState
from cristae.models import ModelLibrary
from cristae.settings import Home

HISTORY = [
    {"step": 10, "loss": 0.5, "learning_rate": 0.002},
    {"step": 20, "loss": 0.25, "dice": 0.75, "dice.mitochondria": 0.875},
]


def png(width: int, height: int, grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


def records_of(folder: Path) -> list[Any]:
    """The events of a run: each record has a length, its checksum, the event and its checksum."""
    from tensorboard.compat.proto.event_pb2 import Event

    (file,) = folder.iterdir()
    data, found = file.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    assert found[0].file_version == "brain.Event:2"
    return found[1:]


def scalars_of(folder: Path) -> list[tuple[int, str, float]]:
    return [
        (event.step, value.tag, value.simple_value)
        for event in records_of(folder)
        for value in event.summary.value
        if value.HasField("simple_value")
    ]


def images_of(folder: Path) -> list[tuple[int, bytes]]:
    return [
        (event.step, value.image.encoded_image_string)
        for event in records_of(folder)
        for value in event.summary.value
        if value.HasField("image")
    ]


@pytest.fixture
def trained(home: Path) -> Home:
    """A home with the model "discs", which has curves and a preview."""
    library = ModelLibrary(home / "models")
    model = library.find("mito")
    library.add({**model.record, "name": "discs", "history": HISTORY}, model.weights(), png(30, 20, 7))
    return Home(home)


def started(journal: Journal) -> JobRecord:
    job = journal.submit(str(uuid.uuid4()), TrainingSpec("er", ()), "er", max_open=9)
    return journal.move(job.job_id, JobState.RUNNING)


def test_the_figures_of_a_model_and_its_preview_are_written(
    trained: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "logs"
    assert cli.main(["tensorboard", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"The logs of 1 training are in {out}.\n"  # "mito" has no curves
    assert [folder.name for folder in out.iterdir()] == ["discs"]
    learning_rate = struct.unpack("f", struct.pack("f", 0.002))[0]
    assert sorted(scalars_of(out / "discs")) == [
        (10, "learning_rate", learning_rate),
        (10, "loss", 0.5),
        (20, "dice", 0.75),
        (20, "dice/mitochondria", 0.875),
        (20, "loss", 0.25),
    ]
    assert images_of(out / "discs") == [(20, png(30, 20, 7))]


def test_logs_are_not_written_twice_into_one_folder(
    trained: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "logs"
    assert cli.main(["tensorboard", "--out", str(out)]) == 0
    before = scalars_of(out / "discs")
    assert cli.main(["tensorboard", "--out", str(out)]) == 1
    assert "holds logs already: name another folder with --out" in capsys.readouterr().err
    assert scalars_of(out / "discs") == before


def test_the_log_of_a_running_job_grows_with_it(trained: Home, tmp_path: Path) -> None:
    journal = Journal(trained.journal_file)
    job = started(journal)
    journal.append(job.job_id, [Note("A note."), Metrics(5, {"loss": 1.0})])
    log = TrainingLog(TrainingOfJob(trained, journal, job), tmp_path)
    log.update()
    run = tmp_path / f"er ({job.job_id[:8]})"
    assert scalars_of(run) == [(5, "loss", 1.0)]
    assert abs(records_of(run)[0].wall_time - time.time()) < 60
    folder = trained.checkpoints(job.job_id)
    folder.mkdir(parents=True)
    (folder / "preview.png").write_bytes(png(9, 3, 1))
    journal.append(job.job_id, [Metrics(10, {"loss": 0.5})])
    log.update()
    log.update()
    (folder / "preview.png").write_bytes(png(9, 3, 2))
    journal.append(job.job_id, [Metrics(15, {"loss": 0.25})])
    log.update()
    log.close()
    assert scalars_of(run) == [(5, "loss", 1.0), (10, "loss", 0.5), (15, "loss", 0.25)]
    assert images_of(run) == [(10, png(9, 3, 1)), (15, png(9, 3, 2))]
    journal.close()


def test_models_and_jobs_are_named_and_what_has_no_curves_is_refused(
    trained: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(trained.journal_file)
    job = started(journal)
    prediction = journal.submit(str(uuid.uuid4()), PredictionSpec("mito", "a" * 64), "p", max_open=9)
    journal.close()
    assert cli.main(["tensorboard", "discs", job.job_id[:6], "--out", str(tmp_path / "logs")]) == 0
    assert "2 trainings" in capsys.readouterr().out
    for name, told in (
        ("mito", "kept no curves"),
        ("discos", "There is no model 'discos', and as a job: There is no job 'discos'"),
        (prediction.job_id[:6], "is no training"),
    ):
        assert cli.main(["tensorboard", name, "--out", str(tmp_path / "more")]) == 1
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("below", ["", "logs"])
def test_a_file_where_the_folder_of_the_logs_should_be_is_a_sentence(
    trained: Home, tmp_path: Path, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    assert cli.main(["tensorboard", "discs", "--out", str(tmp_path / "notes.txt" / below)]) == 1
    told = f"cristae: {tmp_path / 'notes.txt'} is a file, and the logs go into a folder: name another one"
    assert capsys.readouterr().err.startswith(told)
    assert (tmp_path / "notes.txt").read_text() == "precious"


def test_without_the_package_a_sentence_says_how_to_get_it(
    trained: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    assert cli.main(["tensorboard", "discs", "--out", str(tmp_path / "logs")]) == 1
    assert "pip install 'cristae[tensorboard]'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_tensorboard_shows_the_logs_on_this_machine_until_ctrl_c(trained: Home) -> None:
    words = [sys.executable, "-m", "cristae.cli", "tensorboard", "--home", str(trained.root), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = re.fullmatch(
                r"TensorBoard shows 1 training at (http://127\.0\.0\.1:\d+/) - Ctrl-C ends it\.\n", line
            )
            assert address is not None, line
            tags: dict[str, Any] = {}
            deadline = time.monotonic() + 60
            while not tags.get("discs") and time.monotonic() < deadline:
                with urllib.request.urlopen(f"{address[1]}data/plugin/scalars/tags") as answer:  # noqa: S310
                    tags = json.load(answer)
                time.sleep(0.5)
            assert set(tags["discs"]) == {"loss", "learning_rate", "dice", "dice/mitochondria"}
            with urllib.request.urlopen(f"{address[1]}data/plugin/images/tags") as answer:  # noqa: S310
                assert list(json.load(answer)["discs"]) == ["held out: image, labels, prediction"]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
