"""Label images under the data root of a real server are measured, compared and cleaned where they are."""

import csv
import io
import json
import os

import h5py
import numpy as np
import pytest
from running import RunningServer

import cristae
from cristae.v1 import jobs_pb2

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED
LARGE = 2**53 + 1  # no floating-point number


def labels():
    """Return objects with ids of 64 bits."""
    voxels = np.zeros((4, 20, 30), np.int64)
    voxels[:, 2:8, 3:12], voxels[1:3, 12:18, 3:20] = LARGE, LARGE + 1
    return voxels


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "root"
    root.mkdir()
    with h5py.File(root / "cells.h5", "w") as file:
        file["truth"], file["found"] = labels(), np.roll(labels(), 1, axis=2)
        file["small"] = (labels() - LARGE + 1).clip(0)
    with RunningServer(tmp_path_factory.mktemp("home") / "home", data_root=str(root)) as running:
        yield running


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


def found(client, name):
    one = next(one for one in client.found_volumes() if one.name == f"cells.h5:{name}")
    return jobs_pb2.NamedVolume(volume_id=one.volume_id)


def test_ids_of_64_bits_are_measured_exactly(client):
    job = client.wait(
        client.submit_measurement(jobs_pb2.MeasurementSpec(labels=found(client, "truth"))).job_id
    )
    assert job.state == DONE, job
    assert job.title == "measuring cells.h5:truth"
    assert job.measurement.labels.name == "cells.h5:truth"
    rows = list(csv.DictReader(io.StringIO(client.read_file(job.job_id, "objects.csv").decode())))
    assert [int(row["id"]) for row in rows] == [LARGE, LARGE + 1]


def test_objects_with_such_ids_are_compared_as_by_the_command_line(client):
    spec = jobs_pb2.EvaluationSpec(
        predictions=[found(client, "found")], truth=found(client, "truth"), target="instances"
    )
    job = client.wait(client.submit_evaluation(spec).job_id)
    assert job.title == "cells.h5:found against cells.h5:truth"
    expected = cristae.evaluate(
        np.roll(labels(), 1, axis=2), labels(), target="instances", on_event=lambda event: None
    )
    assert json.loads(client.read_file(job.job_id, "scores.json")) == json.loads(json.dumps(expected))


def test_cleaning_seals_ids_that_a_volume_holds_and_refuses_larger_ones_in_words(client):
    job, refused = (
        client.wait(
            client.submit_cleaning(
                jobs_pb2.CleaningSpec(labels=found(client, name), minimum_voxels=210)
            ).job_id
        )
        for name in ("small", "truth")
    )
    voxels = client.download(job.result.outputs[0].volume_id)
    assert voxels.dtype == np.uint8
    assert np.array_equal(voxels[0], np.where(labels() == LARGE, 1, 0))
    assert refused.state == FAILED
    assert f"go up to {LARGE + 1}, " in refused.error.sentence  # before that one, too small, is removed
    assert "holds ids up to 4294967295" in refused.error.sentence


def test_a_file_that_is_changed_while_its_job_waits_ends_it(server, client):
    blocking = client.submit_measurement(
        jobs_pb2.MeasurementSpec(labels=found(client, "truth"), skeletons=True)
    )
    job = client.submit_measurement(jobs_pb2.MeasurementSpec(labels=found(client, "small")))
    os.utime(server.options["data_root"] + "/cells.h5", (1, 1))
    client.wait(blocking.job_id)
    ended = client.wait(job.job_id)
    assert ended.state == FAILED
    assert "was changed since the job was submitted" in ended.error.sentence
    assert not ended.result.files
