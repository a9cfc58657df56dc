"""Evaluation, measuring and cleaning by a real server with real workers, over gRPC."""

import csv
import io
import json
import os
import signal
import time

import numpy as np
import psutil
import pytest
from running import RunningServer, new_id, prediction, training

import cristae
from cristae.errors import AlreadyExists, CorruptData, InvalidInput, LimitExceeded, NotFound
from cristae.service.client import ENDS
from cristae.v1 import jobs_pb2, jobs_pb2_grpc
from cristae.volumes import ArrayImage, VoxelSize

DONE, FAILED, CANCELLED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED
SIZE = VoxelSize(50, 4, 4)


def silent(event):
    pass


def blocks(shape=(6, 40, 50), side=10, dtype=np.uint16):
    """Return objects in a chequered pattern, with ids that differ from each other by more than one."""
    _, y, x = np.indices(shape)
    number = (y // side) * (shape[2] // side) + x // side
    return np.where((y // side + x // side) % 2 == 0, 3 * number + 1, 0).astype(dtype)


def named(client, voxels, name="", size=SIZE):
    return jobs_pb2.NamedVolume(volume_id=client.upload(ArrayImage(voxels, size, name)), name=name)


def done(client, job):
    ended = client.wait(job.job_id)
    assert ended.state == DONE, ended
    return ended


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def same_rows(rows, table):
    """Tell whether rows of text are the numbers of a table, to the last bit."""
    ours = [[None if one == "" else float(one) for one in row.values()] for row in rows]
    theirs = [[None if one is None else float(one) for one in row] for row in table.rows()]
    return ours == theirs and [row["id"] for row in rows] == [str(one) for one in table["id"].tolist()]


def notes_of(client, job):
    return [event.message.sentence for event in client.watch(job.job_id) if event.HasField("message")]


TRUTH = (blocks() > 0).astype(np.uint8) + (blocks() % 2 == 1)
FOUND = np.roll(TRUTH, 2, axis=2)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"distances": True},
        {"target": "instances"},
        {"unknown_value": 2},
        {"z": jobs_pb2.SectionRange(start=1, stop=4)},
    ],
    ids=str,
)
def test_an_evaluation_gives_the_scores_of_the_command_line(client, choices):
    instances = choices.get("target") == "instances"
    truth, found = (blocks(), np.roll(blocks(), 2, axis=2)) if instances else (TRUTH, FOUND)
    spec = jobs_pb2.EvaluationSpec(
        predictions=[named(client, found, "found.tif")], truth=named(client, truth, "truth.tif"), **choices
    )
    job = done(client, client.submit_evaluation(spec))
    assert job.kind == jobs_pb2.JOB_KIND_EVALUATION
    assert job.title == "found.tif against truth.tif"
    assert job.progress.fraction == 1.0
    assert [file.name for file in job.result.files] == ["report.html", "scores.csv", "scores.json"]
    z = (choices["z"].start, choices["z"].stop) if "z" in choices else None
    expected = cristae.evaluate(
        found,
        truth,
        target=choices.get("target", "classes"),
        unknown=choices.get("unknown_value"),
        z=z,
        distances=choices.get("distances", False),
        voxel_size_nm=SIZE.zyx_nm,
        on_event=silent,
    )
    assert json.loads(client.read_file(job.job_id, "scores.json")) == json.loads(json.dumps(expected))
    table = rows_of(client.read_file(job.job_id, "scores.csv"))
    assert table[0]["prediction"] == "found.tif"
    if not instances:
        assert [float(row["iou"]) for row in table if row["class"] == "mean"] == [expected["mean"]["iou"]]
    page = client.read_file(job.job_id, "report.html").decode()
    assert "found.tif" in page
    assert "truth.tif" in page
    assert job.evaluation.truth.name == "truth.tif"
    assert job.evaluation.target == choices.get("target", "classes")


def test_several_predictions_pairs_masks_and_probabilities_are_compared_as_by_the_command_line(client):
    one, two = named(client, FOUND, "a.tif"), named(client, np.roll(TRUTH, 5, axis=1), "a.tif")
    truth = named(client, TRUTH, "truth.tif")
    several = done(
        client, client.submit_evaluation(jobs_pb2.EvaluationSpec(predictions=[one, two], truth=truth))
    )
    assert several.title == "a.tif and a.tif against truth.tif"
    told = json.loads(client.read_file(several.job_id, "scores.json"))
    assert list(told["predictions"]) == ["a.tif", "a.tif (2)"]
    alone = cristae.evaluate(FOUND, TRUTH, on_event=silent)
    assert told["predictions"]["a.tif"] == json.loads(json.dumps(alone))

    pairs = jobs_pb2.EvaluationSpec(predictions=[one, two], truth=truth, pairs=True)
    job = done(client, client.submit_evaluation(pairs))
    assert job.title == "a.tif and 2 more with each other"
    expected = cristae.evaluate(FOUND, TRUTH, also=[np.roll(TRUTH, 5, axis=1)], pairs=True, on_event=silent)
    assert json.loads(client.read_file(job.job_id, "scores.json"))["pairs"] == expected["pairs"]

    masks = np.stack([TRUTH == 1, TRUTH == 2]).astype(np.uint8)
    spec = jobs_pb2.EvaluationSpec(
        predictions=[named(client, np.roll(masks, 1, axis=3))], truth=named(client, masks), target="masks"
    )
    job = done(client, client.submit_evaluation(spec))
    expected = cristae.evaluate(np.roll(masks, 1, axis=3), masks, target="masks", on_event=silent)
    assert json.loads(client.read_file(job.job_id, "scores.json")) == json.loads(json.dumps(expected))

    likely = np.random.default_rng(1).integers(0, 255, (3, *TRUTH.shape)).astype(np.uint8)
    spec = jobs_pb2.EvaluationSpec(
        predictions=[named(client, likely)], truth=truth, probabilities=True, raw=named(client, likely[0])
    )
    job = done(client, client.submit_evaluation(spec))
    expected = cristae.evaluate(likely, TRUTH, probabilities=True, on_event=silent)
    assert json.loads(client.read_file(job.job_id, "scores.json")) == json.loads(json.dumps(expected))
    assert b"data:image/png" in client.read_file(job.job_id, "report.html")


def test_a_measurement_gives_the_tables_of_the_command_line(client):
    labels, other = blocks(), np.roll(blocks(), 4, axis=1)
    raw = np.random.default_rng(2).integers(0, 255, labels.shape).astype(np.uint8)
    classes = (labels % 2 + 1).astype(np.uint8)
    spec = jobs_pb2.MeasurementSpec(
        labels=named(client, labels, "cells.tif"),
        raw=named(client, raw),
        other=named(client, other),
        classes=named(client, classes),
        contacts=True,
        skeletons=True,
        condition="voxels > 10 and id > 5",
    )
    job = done(client, client.submit_measurement(spec))
    assert job.title == "measuring cells.tif"
    assert [file.name for file in job.result.files] == ["contacts.csv", "objects.csv", "summary.csv"]
    expected = cristae.measure(
        labels,
        raw=raw,
        other=other,
        classes=classes,
        contacts=True,
        skeletons=True,
        where="voxels > 10 and id > 5",
        voxel_size_nm=SIZE.zyx_nm,
        on_event=silent,
    )
    rows = rows_of(client.read_file(job.job_id, "objects.csv"))
    assert list(rows[0]) == expected.objects.names
    assert same_rows(rows, expected.objects)
    assert same_rows(rows_of(client.read_file(job.job_id, "contacts.csv")), expected.contacts)
    summary = {row["column"]: row for row in rows_of(client.read_file(job.job_id, "summary.csv"))}
    assert float(summary["voxels"]["mean"]) == expected.objects["voxels"].mean()
    assert any("fulfil the condition" in note for note in notes_of(client, job))
    assert job.measurement.condition == "voxels > 10 and id > 5"


def test_cleaning_gives_the_labels_of_the_command_line(client):
    labels = blocks()
    labels[2, 15, 5], labels[0, 0, 0] = 0, 999
    steps = jobs_pb2.CleaningSpec(
        labels=named(client, labels, "cells.tif"),
        merges=[jobs_pb2.MergedObjects(ids=[1, 7])],
        splits=[
            jobs_pb2.SplitObject(
                id=19, points=[jobs_pb2.Voxel(z=0, y=11, x=11), jobs_pb2.Voxel(z=5, y=18, x=18)]
            )
        ],
        fill_holes=True,
        smooth_nm=5.0,
        minimum_nm3=5000.0,
    )
    job = done(client, client.submit_cleaning(steps))
    assert job.title == "cleaning cells.tif"
    notes = []
    expected = cristae.clean(
        labels,
        merge=[(1, 7)],
        split={19: [(0, 11, 11), (5, 18, 18)]},
        fill_holes=True,
        smooth_nm=5.0,
        minimum_nm3=5000.0,
        voxel_size_nm=SIZE.zyx_nm,
        on_event=notes.append,
    )
    (output,) = job.result.outputs
    assert output.output == "instances"
    found = client.download(output.volume_id)
    assert found.dtype == expected.dtype == np.uint16
    assert np.array_equal(found[0], expected)
    (volume,) = (one for one in client.volumes() if one.volume_id == output.volume_id)
    assert volume.spec.name == "cells-clean.tif"
    assert (volume.spec.voxel_size.z_nm, volume.spec.voxel_size.x_nm) == (50, 4)
    told = [note.sentence for note in notes if isinstance(note, cristae.events.Note)]
    assert [note for note in notes_of(client, job) if note in told] == told
    assert job.cleaning.splits[0].points[1].y == 18


def test_a_job_that_only_splits_is_called_so(client):
    labels = np.zeros((1, 4, 9), np.uint8)
    labels[0, 1, 1:8] = 1
    ends = [jobs_pb2.Voxel(z=0, y=1, x=x) for x in (1, 7)]
    spec = jobs_pb2.CleaningSpec(
        labels=named(client, labels, "cells.tif"), splits=[jobs_pb2.SplitObject(id=1, points=ends)]
    )
    assert done(client, client.submit_cleaning(spec)).title == "splitting objects of cells.tif"


def test_the_result_of_cleaning_has_the_smallest_type(client):
    labels = np.zeros((1, 4, 6), np.uint32)
    labels[0, 0, :3], labels[0, 2, 0] = 70_000, 200
    spec = jobs_pb2.CleaningSpec(labels=named(client, labels), minimum_voxels=2)
    (output,) = done(client, client.submit_cleaning(spec)).result.outputs
    assert client.download(output.volume_id).dtype == np.uint32
    labels[labels == 70_000] = 7
    spec = jobs_pb2.CleaningSpec(labels=named(client, labels), minimum_voxels=2)
    (output,) = done(client, client.submit_cleaning(spec)).result.outputs
    voxels = client.download(output.volume_id)
    assert voxels.dtype == np.uint8
    assert np.unique(voxels).tolist() == [0, 7]


def test_a_hundred_thousand_objects_are_measured_and_read_with_every_id_exact(client):
    ids = (np.arange(100_000, dtype=np.uint32) * 40_009 + 1).reshape(10, 100, 100)
    ids[-1, -1, -1] = 2**32 - 1
    labels = np.repeat(ids, 2, axis=2)
    job = done(client, client.submit_measurement(jobs_pb2.MeasurementSpec(labels=named(client, labels))))
    data = client.read_file(job.job_id, "objects.csv")
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert [int(row[0]) for row in rows[1:]] == np.unique(ids).tolist()
    assert {row[1] for row in rows[1:]} == {"2"}


def submitted(client):
    spec = jobs_pb2.MeasurementSpec(labels=named(client, blocks(), "cells.tif"))
    return done(client, client.submit_measurement(spec))


def parts(client, job_id, name, offset=0):
    request = jobs_pb2.ReadFileRequest(job_id=job_id, name=name, offset=offset)
    return [part.data for part in client._stream(jobs_pb2_grpc.JobsStub, "ReadFile", request)]


def test_a_file_is_read_from_any_offset_in_parts_of_a_mebibyte_at_most(server, client):
    job = submitted(client)
    file = next(one for one in job.result.files if one.name == "objects.csv")
    whole = client.read_file(job.job_id, "objects.csv")
    assert len(whole) == file.size_bytes
    for offset in (1, len(whole) - 1, len(whole)):
        assert b"".join(parts(client, job.job_id, "objects.csv", offset)) == whole[offset:]
    for offset in (len(whole) + 1, 2**64 - 1):
        with pytest.raises(InvalidInput, match=f"has {len(whole)} bytes; it cannot be read from {offset}"):
            parts(client, job.job_id, "objects.csv", offset)


def test_a_file_of_several_mebibytes_comes_in_parts(client):
    ids = np.arange(30_000, dtype=np.uint32).reshape(3, 100, 100) + 1
    job = done(client, client.submit_measurement(jobs_pb2.MeasurementSpec(labels=named(client, ids))))
    sizes = [len(part) for part in parts(client, job.job_id, "objects.csv")]
    assert len(sizes) > 2
    assert max(sizes) == 2**20
    assert sum(sizes) == next(f.size_bytes for f in job.result.files if f.name == "objects.csv")


def test_what_is_no_file_of_a_job_is_told_with_those_that_it_has(client):
    job = submitted(client)
    for name in ("", "scores.csv", "../worker.log", "worker.log", "objects.csv/"):
        with pytest.raises(NotFound, match=r"it has objects\.csv, summary\.csv"):
            parts(client, job.job_id, name)
    with pytest.raises(NotFound):
        parts(client, new_id(), "objects.csv")
    with pytest.raises(InvalidInput, match="not a UUID"):
        parts(client, "../..", "objects.csv")


def test_a_damaged_or_lost_file_is_never_sent(server, client):
    job = submitted(client)
    file = server.home.job_files(job.job_id) / "objects.csv"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    for damage in (lambda: file.write_bytes(data), lambda: file.write_bytes(data[:-1]), file.unlink):
        damage()
        with pytest.raises(CorruptData, match="damaged or gone on the server's disk"):
            parts(client, job.job_id, "objects.csv")


def wrong_evaluations(client):
    found, truth = named(client, FOUND, "found.tif"), named(client, TRUTH, "truth.tif")
    small, thick = named(client, FOUND[:, :20]), named(client, np.stack([FOUND, FOUND]))
    sections = jobs_pb2.SectionRange(start=4, stop=9)
    return [
        ({"predictions": []}, LimitExceeded, "0 predictions were given; 1 to 16"),
        ({"predictions": [found] * 17}, LimitExceeded, "17 predictions were given"),
        ({"predictions": [small]}, InvalidInput, r"6 x 20 x 50 voxels \(z, y, x\), the truth is 6 x 40 x 50"),
        ({"predictions": [found, small]}, InvalidInput, "Image 2 of 2"),
        ({"predictions": [thick]}, InvalidInput, "have 2 channels"),
        ({"predictions": [thick], "target": "masks"}, InvalidInput, "the same masks"),
        ({"target": "dreams"}, InvalidInput, "compares classes, masks, instances"),
        ({"target": "instances", "distances": True}, InvalidInput, "Distances are compared for classes"),
        ({"pairs": True, "probabilities": True}, InvalidInput, "leave out probabilities"),
        ({"z": sections}, InvalidInput, "sections 4:9 are not in the truth"),
        ({"z": jobs_pb2.SectionRange(start=3, stop=3)}, InvalidInput, "sections 3:3 are none"),
        ({"raw": small}, InvalidInput, "raw image"),
        ({"truth": jobs_pb2.NamedVolume(volume_id="0" * 64)}, NotFound, "volume"),
        ({"truth": jobs_pb2.NamedVolume(volume_id="../x")}, InvalidInput, "not a digest"),
        ({"truth": jobs_pb2.NamedVolume(volume_id=truth.volume_id, name="n" * 121)}, LimitExceeded, "121"),
        ({"probabilities": True, "predictions": [named(client, blocks())]}, InvalidInput, "give an 8-bit"),
    ]


def test_an_evaluation_that_cannot_be_is_refused_before_it_is_queued(client):
    before = len(client.jobs())
    right = {"predictions": [named(client, FOUND)], "truth": named(client, TRUTH)}
    for change, error, words in wrong_evaluations(client):
        with pytest.raises(error, match=words):
            client.submit_evaluation(jobs_pb2.EvaluationSpec(**{**right, **change}))
    assert len(client.jobs()) == before


def test_a_measurement_that_cannot_be_is_refused_before_it_is_queued(client):
    before = len(client.jobs())
    labels, small = named(client, blocks()), named(client, blocks()[:, :20])
    for change, error, words in [
        ({"raw": small}, InvalidInput, "raw image"),
        ({"other": small}, InvalidInput, "other labels"),
        ({"classes": small}, InvalidInput, "class image"),
        ({"labels": named(client, np.stack([blocks(), blocks()]))}, InvalidInput, "2 channels"),
        ({"condition": "volume_nm3 >"}, InvalidInput, "is not complete"),
        ({"condition": "volume_px > 3"}, InvalidInput, "no column 'volume_px'"),
        ({"condition": "__import__('os') == 1"}, InvalidInput, "neither a number nor a column"),
        ({"condition": "1 < 2 or " * 112 + "1 < 2"}, LimitExceeded, "1013 characters; at most 1000"),
        ({"labels": jobs_pb2.NamedVolume(volume_id="0" * 64)}, NotFound, "volume"),
    ]:
        with pytest.raises(error, match=words):
            client.submit_measurement(jobs_pb2.MeasurementSpec(**{"labels": labels, **change}))
    assert len(client.jobs()) == before


def split_of(*points, one=1):
    return jobs_pb2.SplitObject(id=one, points=[jobs_pb2.Voxel(z=z, y=y, x=x) for z, y, x in points])


def test_a_cleaning_that_cannot_be_is_refused_before_it_is_queued(client):
    before = len(client.jobs())
    labels, unsized = named(client, blocks()), named(client, blocks(), size=None)
    pair, two = jobs_pb2.MergedObjects(ids=[1, 7]), split_of((0, 0, 0), (0, 0, 5))
    crowd = [split_of(*[(0, 0, x) for x in range(1000)], one=one) for one in range(1, 52)]
    for change, error, words in [
        ({}, InvalidInput, "nothing to do"),
        ({"merges": [jobs_pb2.MergedObjects(ids=[5, 5])]}, InvalidInput, "name two objects at least"),
        ({"merges": [jobs_pb2.MergedObjects(ids=[0, 5])]}, InvalidInput, "0 is no number of an object"),
        ({"merges": [jobs_pb2.MergedObjects(ids=[2**63, 5])]}, InvalidInput, r"from 1 to 2\^63 - 1"),
        ({"merges": [pair] * 10_001}, LimitExceeded, "'merges' has 10001 items; at most 10000"),
        ({"merges": [jobs_pb2.MergedObjects(ids=range(1, 1001))] * 101}, LimitExceeded, "101,000 objects"),
        ({"splits": [split_of((0, 0, 0))]}, InvalidInput, "two at least"),
        ({"splits": [split_of((0, 0, 0), (0, 0, 0))]}, InvalidInput, "are the same"),
        (
            {"splits": [split_of((0, 0, 0), (0, 0, 50))]},
            InvalidInput,
            "point 0, 0, 50 .* is not in the image",
        ),
        ({"splits": [split_of((0, 0, 0), (2**64 - 1, 0, 0))]}, InvalidInput, "is not in the image"),
        ({"splits": [two, two]}, InvalidInput, "split twice"),
        ({"splits": [split_of(*[(0, 0, 0)] * 1001)]}, LimitExceeded, "1,001 points in one object"),
        ({"splits": crowd}, LimitExceeded, "51,000 points to split"),
        ({"smooth_nm": float("nan")}, InvalidInput, "radius is nan"),
        ({"smooth_nm": -1.0}, InvalidInput, "radius is -1"),
        ({"smooth_nm": 1e300}, InvalidInput, "reaches too many voxels"),
        ({"smooth_nm": 1.0}, InvalidInput, "reaches no neighbour"),
        ({"minimum_nm3": float("inf")}, InvalidInput, "minimum size is inf"),
        ({"minimum_nm3": 5.0, "minimum_voxels": 5}, InvalidInput, "either in cubic nanometres or in voxels"),
        ({"labels": unsized, "smooth_nm": 9.0}, InvalidInput, "how large a voxel is"),
        ({"labels": unsized, "minimum_nm3": 9.0}, InvalidInput, "how large a voxel is"),
        ({"labels": jobs_pb2.NamedVolume(volume_id="0" * 64), "fill_holes": True}, NotFound, "volume"),
    ]:
        with pytest.raises(error, match=words):
            client.submit_cleaning(jobs_pb2.CleaningSpec(**{"labels": labels, **change}))
    assert len(client.jobs()) == before


def test_what_only_the_voxels_tell_ends_the_job_in_the_words_of_the_command_line(client):
    fractions = named(client, FOUND.astype(np.float32) + 0.5)
    truth, labels = named(client, TRUTH), named(client, blocks())
    jobs = [
        client.submit_evaluation(jobs_pb2.EvaluationSpec(predictions=[fractions], truth=truth)),
        client.submit_measurement(jobs_pb2.MeasurementSpec(labels=fractions)),
        client.submit_measurement(jobs_pb2.MeasurementSpec(labels=labels, condition="distance_to_nm(2) < 5")),
        client.submit_cleaning(
            jobs_pb2.CleaningSpec(labels=labels, merges=[jobs_pb2.MergedObjects(ids=[1, 2])])
        ),
        client.submit_cleaning(
            jobs_pb2.CleaningSpec(labels=labels, splits=[split_of((0, 0, 0), (0, 0, 11))])
        ),
    ]
    ended = [client.wait(job.job_id) for job in jobs]
    assert [job.state for job in ended] == [FAILED] * 5
    told = [job.error.sentence for job in ended]
    assert "fractions" in told[0]
    assert "fractions" in told[1]
    assert "no object 2" in told[2]
    assert "no object 2" in told[3]
    assert "does not lie in the object 1" in told[4]
    assert not any(job.result.files or job.result.outputs for job in ended)


def test_the_same_submission_is_the_same_job_and_another_one_is_refused(client):
    job_id = new_id()
    spec = jobs_pb2.MeasurementSpec(labels=named(client, blocks()))
    first = client.submit_measurement(spec, job_id)
    done(client, first)
    again = client.submit_measurement(spec, job_id)
    assert (again.created_s, again.state) == (first.created_s, DONE)
    with pytest.raises(AlreadyExists):
        client.submit_measurement(jobs_pb2.MeasurementSpec(labels=spec.labels, contacts=True), job_id)
    with pytest.raises(AlreadyExists):
        client.submit_cleaning(jobs_pb2.CleaningSpec(labels=spec.labels, fill_holes=True), job_id)


def test_such_a_job_does_not_wait_for_the_device_of_a_training(server, client):
    slow = client.submit_training(training(client, model="slow", steps=100_000))
    server.wait_for_worker(client, slow.job_id)
    submitted(client)
    assert client.job(slow.job_id).state == jobs_pb2.JOB_STATE_RUNNING
    (cpu,) = (device for device in client.server().devices if device.name == "cpu")
    assert cpu.job_id == slow.job_id
    client.cancel(slow.job_id)
    client.wait(slow.job_id)


def test_the_server_tells_that_it_can(client):
    assert {"evaluation", "measuring", "cleaning"} <= set(client.server().features)


LARGE = blocks((120, 500, 500), side=5, dtype=np.uint32)


def slow_job(client):
    """Submit a job that takes many seconds."""
    spec = jobs_pb2.MeasurementSpec(labels=named(client, LARGE, "large.tif"), skeletons=True)
    return client.submit_measurement(spec)


def wait_for_progress(client, job_id):
    deadline = time.monotonic() + 120
    while not (job := client.job(job_id)).HasField("progress"):
        assert job.state not in ENDS, job
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_is_cancelled_while_it_works_and_leaves_nothing(server, client):
    job = slow_job(client)
    wait_for_progress(client, job.job_id)
    client.cancel(job.job_id)
    ended = client.wait(job.job_id)
    assert ended.state == CANCELLED
    assert not ended.result.files
    folder, deadline = server.home.jobs / job.job_id, time.monotonic() + 30
    while {path.name for path in folder.iterdir()} - {"lock", "worker.log"}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(NotFound, match="it has none"):
        parts(client, job.job_id, "objects.csv")


def test_a_worker_that_is_killed_begins_anew_and_a_server_that_is_killed_goes_on(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client(patience_s=60.0) as client:
        labels = named(client, LARGE, "large.tif")
        spec = jobs_pb2.MeasurementSpec(labels=labels, skeletons=True)
        job = client.submit_measurement(spec)
        queued = client.submit_cleaning(
            jobs_pb2.CleaningSpec(labels=named(client, blocks()), fill_holes=True)
        )
        wait_for_progress(client, job.job_id)
        assert client.job(queued.job_id).state == jobs_pb2.JOB_STATE_QUEUED  # one at a time
        (worker,) = (one for one in server.workers() if job_of(one, server, job.job_id))
        os.kill(worker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while client.job(job.job_id).attempt < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        for one in psutil.process_iter(["cmdline"]):
            if str(server.home.root) in " ".join(one.info["cmdline"] or ()):
                one.kill()
        server.start()
        client.cancel(job.job_id)  # the third attempt; its end is what others test
        assert client.wait(job.job_id).state == CANCELLED
        told = notes_of(client, job)
        assert any("The job begins anew." in note for note in told), told
        assert any("the job begins anew." in note for note in told), told
        assert not any("what was saved" in note for note in told)
        done(client, queued)


def job_of(process, server, job_id):
    """Tell whether a process is the worker of a job: it holds its lock."""
    lock = server.home.jobs / job_id / "lock"
    return any(one.path == str(lock) for one in process.open_files())


def test_the_files_of_a_job_go_with_it_and_a_volume_that_it_made_stays(server, client):
    job = submitted(client)
    assert server.home.job_files(job.job_id).is_dir()
    client.delete_job(job.job_id)
    assert not (server.home.jobs / job.job_id).exists()
    with pytest.raises(NotFound):
        parts(client, job.job_id, "objects.csv")
    cleaned = done(
        client, client.submit_cleaning(jobs_pb2.CleaningSpec(labels=named(client, blocks()), fill_holes=True))
    )
    client.delete_job(cleaned.job_id)
    assert client.download(cleaned.result.outputs[0].volume_id).any()


def test_what_is_doubtful_in_a_measurement_is_warned_of_as_by_the_command_line(client):
    grey = np.random.default_rng(3).normal(120, 30, (4, 96, 96)).clip(1, 255).astype(np.uint8)
    spec = jobs_pb2.MeasurementSpec(
        labels=named(client, grey), raw=named(client, grey, size=VoxelSize(50, 8, 8))
    )
    job = done(client, client.submit_measurement(spec))
    warned = [event.message.sentence for event in client.watch(job.job_id) if event.message.is_warning]
    told = []
    cristae.measure(ArrayImage(grey, SIZE), raw=ArrayImage(grey, VoxelSize(50, 8, 8)), on_event=told.append)
    assert warned == [event.sentence for event in told if getattr(event, "is_warning", False)]
    assert any("states voxels of 50 x 8 x 8 nm" in sentence for sentence in warned)
    assert any("so has a raw image" in sentence for sentence in warned)


def test_files_stay_over_a_restart_and_are_made_once(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client(patience_s=60.0) as client:
        job = submitted(client)
        before = client.read_file(job.job_id, "objects.csv")
        server.stop()
        server.start()
        assert client.read_file(job.job_id, "objects.csv") == before
        assert client.job(job.job_id).result == job.result


def test_a_disk_below_its_floor_ends_the_job_and_leaves_nothing(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client(patience_s=60.0) as client:
        labels = named(client, blocks())
        server.stop()
        server.limits["free_floor_bytes"] = 2**60
        server.start()
        job = client.wait(client.submit_measurement(jobs_pb2.MeasurementSpec(labels=labels)).job_id)
        assert job.state == FAILED
        assert "must stay free" in job.error.sentence
        assert "what was saved" not in job.error.sentence
        assert not server.home.job_files(job.job_id).exists()


def test_a_volume_that_such_a_job_needs_is_not_deleted(server, client):
    slow = slow_job(client)
    with pytest.raises(cristae.errors.Busy, match=r"measuring large\.tif"):
        client.delete_volume(slow.measurement.labels.volume_id)
    client.cancel(slow.job_id)
    client.wait(slow.job_id)


def test_a_prediction_is_still_a_prediction(client):
    """The journal tells all kinds apart."""
    client.wait(client.submit_training(training(client, model="kinds")).job_id)
    predicted = client.wait(client.submit_prediction(prediction(client, "kinds")).job_id)
    assert predicted.WhichOneof("spec") == "prediction"
    assert {job.kind for job in client.jobs()} >= {
        jobs_pb2.JOB_KIND_PREDICTION,
        jobs_pb2.JOB_KIND_MEASUREMENT,
    }


def test_a_page_of_large_jobs_is_no_larger_than_a_client_takes(client):
    ids = [[2**62 + number for number in range(start, start + 1000)] for start in range(0, 100_000, 1000)]
    spec = jobs_pb2.CleaningSpec(
        labels=named(client, blocks()), merges=[jobs_pb2.MergedObjects(ids=group) for group in ids]
    )
    mine = [client.submit_cleaning(spec).job_id for _ in range(3)]
    for job_id in mine:
        client.cancel(job_id)
    page = client._call(jobs_pb2_grpc.JobsStub, "ListJobs", jobs_pb2.ListJobsRequest())
    assert [job.job_id for job in page.jobs] == mine[:0:-1]
    assert page.ByteSize() < 4 * 2**20
    assert [job.job_id for job in client.jobs()][:3] == mine[::-1]
