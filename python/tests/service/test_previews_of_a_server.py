"""Previews over gRPC, against a real server with a real process of previews."""

import threading
import time
import uuid

import numpy as np
import psutil
import pytest
from drawn_models import add_model
from looking import look, request_of, slice_of, subject_of
from running import RunningServer, training

import cristae
from cristae.errors import Cancelled, InvalidInput, LimitExceeded, NotFound
from cristae.geometry import Box
from cristae.models import ModelLibrary
from cristae.service.refusals import ServerRefusedError
from cristae.service.status import OutsideVolume
from cristae.v1 import jobs_pb2
from cristae.volumes import ArrayImage, VoxelSize

SHAPE = (9, 80, 92)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("home") / "home"
    add_model(root, "mito")
    add_model(root, "masks", target="masks")
    with RunningServer(root, real_work=True, limits={"max_preview_bytes": 200_000}) as running:
        yield running


def stack(dtype=np.uint8, shape=SHAPE):
    voxels = np.random.default_rng(1).integers(0, 255, shape).astype(dtype)
    return ArrayImage(voxels, VoxelSize(50, 4.6, 4.6, "nm"), name="stack.tif")


def process_of_previews(server):
    """Return the process that answers previews, None if there is none."""
    for child in server.workers():
        if "--previews" in child.cmdline():
            return child
    return None


def segmented(client, image, **more):
    spec = jobs_pb2.PredictionSpec(image_volume_id=client.upload(image), **more)
    done = client.wait(client.submit_prediction(spec).job_id)
    return client.download(done.result.outputs[0].volume_id)


@pytest.mark.parametrize("region", [slice_of(stack(), 4), Box((0, 20, 33), (1, 51, 64))], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_preview_is_what_a_segmentation_of_the_whole_stack_has_there(client, region, dtype):
    image = stack(dtype)
    whole = segmented(client, image, model_name="mito")
    labels, answer = look(client, image, "mito", region)
    assert len(np.unique(whole)) == 3
    assert np.array_equal(labels, whole[(slice(None), *region.slices)])
    assert [(row.value, row.name) for row in answer.classes] == [(1, "mitochondria"), (2, "vesicles")]
    assert (answer.target, answer.channels) == ("classes", 1)
    assert answer.device.startswith("the CPU (")
    assert not answer.notes


def test_the_preview_of_a_trained_model_of_sections_is_its_segmentation(server, client):
    rng = np.random.default_rng(3)
    labels = np.zeros((6, 64, 64), np.uint8)
    labels[:, 16:40, 20:44] = 1
    raw = (70 + 80 * labels + rng.normal(0, 10, labels.shape)).astype(np.uint8)
    cristae.train(
        raw, labels, model="sections", steps=4, voxel_size_nm=(50, 4, 4), home=server.home.root, device="cpu"
    )
    assert ModelLibrary(server.home.models).get("sections").record["network"]["dims"] == 2
    image = ArrayImage(raw, VoxelSize(50, 4, 4))
    for output, least in (("labels", 2), ("probabilities", 20)):
        whole = segmented(client, image, model_name="sections", output=output)
        found, _ = look(client, image, "sections", slice_of(image, 3), output=output, class_value=1)
        expected = whole[:1, 3:4] if output == "labels" else whole[1:2, 3:4]
        assert len(np.unique(expected)) >= least
        assert np.abs(found.astype(int) - expected).max() <= (output == "probabilities")


def test_masks_have_a_channel_each_and_probabilities_are_those_of_one(client):
    image, region = stack(), slice_of(stack(), 2)
    whole = segmented(client, image, model_name="masks", output="probabilities")
    masks, answer = look(client, image, "masks", region)
    assert (answer.channels, answer.target) == (3, "masks")
    assert set(np.unique(masks)) == {0, 255}
    second, _ = look(client, image, "masks", region, output="probabilities", class_value=2)
    assert np.abs(second[0].astype(int) - whole[1, 2:3]).max() <= 1
    unsure, _ = look(client, image, "masks", region, output="uncertainty")
    assert unsure.shape == (3, 1, *SHAPE[1:])


def test_the_process_stays_for_the_next_preview_and_a_model_that_was_replaced_is_loaded_anew(server, client):
    image, region = stack(), slice_of(stack(), 1)
    add_model(server.home.root, "changing", seed=5)
    before, _ = look(client, image, "changing", region)
    process = process_of_previews(server)
    start = time.monotonic()
    again, _ = look(client, image, "changing", region)
    took_s = time.monotonic() - start
    assert np.array_equal(before, again)
    assert process_of_previews(server) == process
    assert took_s < 5  # not the start of Python and torch
    add_model(server.home.root, "changing", seed=6)
    after, answer = look(client, image, "changing", region)
    assert not np.array_equal(before, after)
    assert answer.model_digest == ModelLibrary(server.home.models).get("changing").digest
    assert process_of_previews(server) == process


def test_nothing_is_kept_of_a_preview(server, client):
    volumes, jobs = len(client.volumes()), len(client.jobs())
    look(client, stack(shape=(3, 50, 60)), "mito", Box((1, 0, 0), (2, 50, 60)))
    assert (len(client.volumes()), len(client.jobs())) == (volumes, jobs)


def test_after_its_process_was_killed_the_next_preview_starts_another_one(server, client):
    image, region = stack(), slice_of(stack(), 5)
    expected, _ = look(client, image, "mito", region)
    first = process_of_previews(server)
    first.kill()
    first.wait(10)
    found, _ = look(client, image, "mito", region)
    assert np.array_equal(found, expected)
    assert process_of_previews(server) != first


def test_a_preview_whose_process_dies_is_told_in_a_sentence(server, client):
    image = stack()
    subject = subject_of(image, "mito", slice_of(image, 5))
    request = request_of(client, image, subject)
    process = process_of_previews(server)
    process.suspend()
    killer = threading.Timer(0.5, process.kill)
    killer.start()
    with pytest.raises(ServerRefusedError, match=r"broke off \(signal 9\), perhaps for want of memory"):
        client.preview_part(request)
    killer.join()
    assert client.preview_part(request).channels == 1


def test_a_newer_preview_of_the_same_window_ends_the_older_ones_and_other_windows_wait(server, client):
    image, viewer = stack(), str(uuid.uuid4())
    subjects = [subject_of(image, "mito", slice_of(image, z), viewer_id=viewer) for z in range(6)]
    requests = [request_of(client, image, subject) for subject in subjects]
    others = request_of(client, image, subject_of(image, "mito", slice_of(image, 7)))
    process = process_of_previews(server)
    process.suspend()
    outcomes = [None] * len(requests)

    def ask(number, request, into):
        with server.client() as own:
            try:
                into[number] = own.preview_part(request)
            except Cancelled as error:
                into[number] = error

    threads = []
    other = [None]
    try:
        for number, request in enumerate(requests):
            threads.append(threading.Thread(target=ask, args=(number, request, outcomes)))
            threads[-1].start()
            time.sleep(0.2)
        threads.append(threading.Thread(target=ask, args=(0, others, other)))
        threads[-1].start()
        deadline = time.monotonic() + 20
        while any(outcome is None for outcome in outcomes[:-1]):  # they need not wait for their turn
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.resume()
    for thread in threads:
        thread.join(60)
    assert all(isinstance(outcome, Cancelled) for outcome in outcomes[:-1]), outcomes
    assert "Another preview" in outcomes[0].sentence
    assert outcomes[-1].channels == 1
    assert other[0].channels == 1
    assert process_of_previews(server) == process


def test_while_a_training_runs_previews_are_answered_and_its_start_ends_the_process_of_before(server, client):
    image, region = stack(), slice_of(stack(), 4)
    alone, answer = look(client, image, "mito", region)
    before = process_of_previews(server)
    job = client.submit_training(training(client, "later", steps=100_000))
    try:
        deadline = time.monotonic() + 120
        while client.job(job.job_id).progress.stage != "Training":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert not before.is_running() or before.status() == psutil.STATUS_ZOMBIE
        beside, answer = look(client, image, "mito", region)
        assert np.array_equal(alone, beside)
        assert answer.device == "the CPU (1 thread)"
        assert client.job(job.job_id).state == jobs_pb2.JOB_STATE_RUNNING
    finally:
        client.cancel(job.job_id)
        client.wait(job.job_id)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": "mitoo"}, NotFound, r"no model 'mitoo'.*mito"),
        ({"image": stack(shape=(2, *SHAPE))}, InvalidInput, "2 channels, the model 'mito' was trained on 1"),
        ({"region": Box((8, 0, 0), (10, 9, 9))}, OutsideVolume, "z from 8 to 10; the volume has 0 to 9"),
        ({"device": "cuda:7"}, InvalidInput, "'cuda:7' was asked for, but this machine has no such GPU"),
        ({"viewer_id": "me"}, InvalidInput, "The viewer's id is not a UUID"),
        (
            {"image": stack(np.float32), "region": Box((0, 0, 0), (9, 80, 92))},
            LimitExceeded,
            r"takes 9 x 80 x 92 voxels \(z, y, x\) of the image, 258.8 KiB; this server takes 195.3 KiB at",
        ),
        (
            {"image": ArrayImage(np.zeros((1, 600, 600), np.uint8)), "region": Box((0, 0, 0), (1, 600, 600))},
            LimitExceeded,
            "1 x 600 x 600 voxels",
        ),
    ],
)
def test_what_cannot_be_previewed_is_refused_with_a_sentence(client, change, error, words):
    given = {"image": stack(), "model": "mito", "region": slice_of(stack(), 4), **change}
    image, model, region = (given.pop(name) for name in ("image", "model", "region"))
    with pytest.raises(error if error is not OutsideVolume else ServerRefusedError.__base__, match=words):
        client.plan_preview(subject_of(image, model, region, **given))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"output": "instances"}, InvalidInput, "shows labels, probabilities, uncertainty, not 'instances'"),
        ({"voxels": b"123"}, InvalidInput, "3 bytes of voxels were sent; the box .* has"),
        ({"output": "probabilities", "class_value": 3}, InvalidInput, "tells 3 classes or masks apart"),
    ],
)
def test_a_part_that_is_not_what_was_planned_is_refused(client, change, error, words):
    image = stack()
    request = request_of(client, image, subject_of(image, "mito", slice_of(image, 4)))
    for name, value in change.items():
        setattr(request, name, value)
    with pytest.raises(error, match=words):
        client.preview_part(request)


def test_statistics_that_nobody_can_have_measured_are_refused(client):
    image = stack()
    request = request_of(client, image, subject_of(image, "mito", slice_of(image, 4)))
    request.statistics[0].deviation[0] = -1
    with pytest.raises(InvalidInput, match="a finite mean and a deviation of at least 0 for each of the 1"):
        client.preview_part(request)
    request.ClearField("statistics")
    with pytest.raises(cristae.errors.Busy, match="replaced just now"):
        client.preview_part(request)


def test_the_server_says_that_it_knows_previews_and_how_large_they_may_be(client):
    server = client.server()
    assert "prediction.preview" in server.features
    assert server.limits.max_preview_bytes == 200_000


def test_the_process_ends_when_nobody_has_looked_for_a_while_and_when_the_server_stops(tmp_path):
    root = tmp_path / "home"
    add_model(root, "mito")
    image = stack()
    with RunningServer(root, real_work=True, limits={"preview_idle_s": 1.0}) as server:
        with server.client() as client:
            look(client, image, "mito", slice_of(image, 4))
            idle = process_of_previews(server)
            idle.wait(20)
            look(client, image, "mito", slice_of(image, 4))
        last = process_of_previews(server)
        server.stop()
        assert not last.is_running()


def test_a_process_that_hangs_is_ended_after_the_time_that_a_preview_may_take(tmp_path):
    root = tmp_path / "home"
    add_model(root, "mito")
    image = stack()
    limits = {"preview_patience_s": 2.0}
    with RunningServer(root, real_work=True, limits=limits) as server, server.client() as client:
        request = request_of(client, image, subject_of(image, "mito", slice_of(image, 4)))
        process = process_of_previews(server)
        process.suspend()
        with pytest.raises(ServerRefusedError, match="took longer than 2 s and was ended"):
            client.preview_part(request)
        assert client.preview_part(request).channels == 1
        assert process_of_previews(server) != process
