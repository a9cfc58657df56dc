"""The service Jobs, against a real server process; see quick_worker.py for what its workers do."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from running import image, labels, new_id, prediction, training

from cristae.errors import AlreadyExists, Busy, InvalidInput, LimitExceeded, NotFound
from cristae.jobs.finishing import FINISH_FILE
from cristae.jobs.specs import spec_from_json, spec_to_json
from cristae.service.job_messages import prediction_spec
from cristae.settings import Limits
from cristae.v1 import common_pb2, jobs_pb2
from cristae.volumes import ArrayImage

DONE, FAILED, CANCELLED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED


def test_a_training_becomes_a_model_and_a_prediction_becomes_a_volume(client):
    job = client.submit_training(training(client, model="whole way"))
    assert job.state == jobs_pb2.JOB_STATE_QUEUED
    assert job.title == "whole way"
    trained = client.wait(job.job_id)
    assert trained.state == DONE, trained
    assert trained.result.model_name == "whole way"
    assert trained.attempt == 1
    assert trained.progress.fraction == 1.0
    assert trained.created_s <= trained.started_s <= trained.ended_s

    predicted = client.wait(client.submit_prediction(prediction(client, "whole way")).job_id)
    assert predicted.title == "stack.tif with whole way"
    (output,) = predicted.result.outputs
    assert output.output == "labels"
    voxels = client.download(output.volume_id)
    raw = image()._voxels
    assert np.array_equal(voxels, (raw > raw.mean(dtype=np.float64)).astype(np.uint8))
    (volume,) = (found for found in client.volumes() if found.volume_id == output.volume_id)
    assert volume.spec.name == "stack-whole way.tif"
    assert [row.value for row in volume.spec.classes] == [1]


def test_a_prediction_with_flips_is_told_to_the_worker_and_is_another_job_than_one_without(client):
    client.wait(client.submit_training(training(client, model="mirrors")).job_id)
    plain, flipped = (
        client.wait(client.submit_prediction(prediction(client, "mirrors", flips=flips)).job_id)
        for flips in (False, True)
    )
    assert flipped.prediction.flips
    assert not plain.prediction.flips
    # The quick worker answers the opposite with flips.
    ours, theirs = (client.download(job.result.outputs[0].volume_id) for job in (plain, flipped))
    assert np.array_equal(ours, 1 - theirs)
    assert "prediction.flips" in client.server().features


def test_touching_objects_are_split_where_there_are_objects(client):
    client.wait(client.submit_training(training(client, model="round")).job_id)
    asked = prediction(client, "round", output="instances", split_touching=True)
    spec = prediction_spec(asked, Limits())
    assert spec.split_touching
    assert spec_from_json(spec_to_json(spec)) == spec
    with pytest.raises(InvalidInput, match="split in the output instances, not in labels"):
        client.submit_prediction(prediction(client, "round", split_touching=True))
    assert "prediction.split" in client.server().features


def test_a_mask_is_told_to_the_worker_and_refused_where_it_does_not_fit(client):
    client.wait(client.submit_training(training(client, model="masked")).job_id)
    mask = np.zeros((6, 40, 50), np.uint8)
    mask[:, :, :7] = 1
    asked = prediction(client, "masked", inside_volume_id=client.upload(ArrayImage(mask)))
    spec = prediction_spec(asked, Limits())
    assert spec_from_json(spec_to_json(spec)) == spec
    done = client.wait(client.submit_prediction(asked).job_id)
    assert done.prediction.inside_volume_id == asked.inside_volume_id
    whole = client.wait(client.submit_prediction(prediction(client, "masked")).job_id)
    ours, all_of_it = (client.download(job.result.outputs[0].volume_id) for job in (done, whole))
    assert np.array_equal(ours, all_of_it * mask)
    assert all_of_it[:, :, 7:].any()
    asked.inside_volume_id = client.upload(ArrayImage(np.ones((1, 1, 1000), np.uint8)))
    with pytest.raises(InvalidInput, match=r"1 x 1 x 1000 voxels .* as many voxels as its image"):
        client.submit_prediction(asked)
    asked.inside_volume_id = "0" * 64
    with pytest.raises(NotFound):
        client.submit_prediction(asked)
    asked.output, asked.layer = "activations", "head"
    with pytest.raises(InvalidInput, match="without flips and mask"):
        client.submit_prediction(asked)
    assert "prediction.inside" in client.server().features


def test_the_picture_of_a_training_is_there_while_it_runs_and_stays_with_its_model(client):
    running = client.submit_training(training(client, model="seen", steps=3000))
    for event in client.watch(running.job_id):
        if event.WhichOneof("event") == "metrics":
            break
    first = client.preview(running.job_id)
    assert first.startswith(b"picture of step ")
    deadline = time.monotonic() + 60
    while client.preview(running.job_id) == first:
        assert time.monotonic() < deadline
    client.cancel(running.job_id)
    client.wait(running.job_id)
    with pytest.raises(NotFound, match="'seen' has no preview"):
        client.preview(running.job_id)

    done = client.wait(client.submit_training(training(client, model="seen")).job_id)
    assert client.preview(done.job_id) == b"last picture"
    client.wait(client.submit_training(training(client, model="seen", steps=6)).job_id)
    with pytest.raises(NotFound, match="no preview"):  # its model was replaced
        client.preview(done.job_id)
    without = client.wait(client.submit_training(training(client, model="without picture")).job_id)
    predicted = client.wait(client.submit_prediction(prediction(client, "seen")).job_id)
    for job_id in (without.job_id, predicted.job_id, new_id()):
        with pytest.raises(NotFound):
            client.preview(job_id)


def test_a_job_tells_the_title_under_which_its_image_was_sent_not_the_first_of_its_voxels(client):
    client.wait(client.submit_training(training(client, model="titled")).job_id)
    spec = prediction(client, "titled", image_name="mine.tif")
    assert [v.spec.name for v in client.volumes() if v.volume_id == spec.image_volume_id] == ["stack.tif"]
    done = client.wait(client.submit_prediction(spec).job_id)
    assert done.title == "mine.tif with titled"
    assert done.prediction.image_name == "mine.tif"
    with pytest.raises(LimitExceeded, match="The image's name has 121 characters"):
        client.submit_prediction(prediction(client, "titled", image_name="m" * 121))

    pair = training(client).volumes[0]
    pair.image_name = "ours.tif"
    asked = training(client, model="titled")
    asked.volumes.append(pair)
    with pytest.raises(InvalidInput, match=r"ours\.tif"):  # twice the same image
        client.submit_training(asked)


def test_several_models_answer_together_and_all_of_them_are_told_to_the_worker(client):
    for model, seed in (("one", 0), ("two", 1), ("three", 2)):
        spec = training(client, model=model)
        voxels = image(seed=seed)._voxels // (seed + 1)  # another threshold for each
        spec.volumes[0].image_volume_id = client.upload(ArrayImage(voxels))
        client.wait(client.submit_training(spec).job_id)
    together = prediction(client, "one", more_models=["two", "three"], combine="median")
    done = client.wait(client.submit_prediction(together).job_id)
    assert list(done.prediction.more_models) == ["two", "three"]
    assert done.prediction.combine == "median"
    assert done.title.endswith("with one + two + three")
    # The quick worker's median of three thresholds is the one in the middle.
    alone = client.wait(client.submit_prediction(prediction(client, "two")).job_id)
    ours, theirs = (client.download(job.result.outputs[0].volume_id) for job in (done, alone))
    assert np.array_equal(ours, theirs)
    assert "prediction.ensemble" in client.server().features


def test_models_that_do_not_go_together_are_refused_before_they_are_queued(client):
    client.wait(client.submit_training(training(client, model="alone")).job_id)
    with pytest.raises(InvalidInput, match="'alone' is given twice"):
        client.submit_prediction(prediction(client, "alone", more_models=["alone"]))
    with pytest.raises(InvalidInput, match="combined by mean, median, vote, not 'sum'"):
        client.submit_prediction(prediction(client, "alone", combine="sum"))
    with pytest.raises(InvalidInput, match="One model is given, and combine=vote"):
        client.submit_prediction(prediction(client, "alone", combine="vote"))
    with pytest.raises(NotFound, match="no model 'nobody'"):
        client.submit_prediction(prediction(client, "alone", more_models=["nobody"]))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what a process has loaded")
def test_the_server_checks_and_runs_jobs_without_loading_torch(server, client):
    client.wait(client.submit_training(training(client, model="light", settings={"batch": "2"})).job_id)
    client.wait(client.submit_prediction(prediction(client, "light")).job_id)
    assert "libtorch" not in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_events_are_numbered_and_tell_the_whole_life(client):
    job = client.submit_training(training(client, model="events", steps=60))
    client.wait(job.job_id)
    events = list(client.watch(job.job_id))
    numbers = [event.sequence for event in events]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:3] == ["state", "state", "plan"]
    assert kinds[-1] == "state"
    assert kinds.count("progress") == 1  # the newest has replaced the others
    assert kinds.count("metrics") == 60
    assert all("nothing" not in event.metrics.values for event in events)  # NaN is never sent
    times = [event.time_s for event in events]
    assert times == sorted(times)
    assert client.job(job.job_id).last_sequence == numbers[-1] > len(events)


def test_a_hundred_reconnecting_watchers_see_each_event_once_in_order(server, client):
    job = client.submit_training(training(client, model="watched", steps=150))
    client.wait(job.job_id)
    whole = [event.sequence for event in client.watch(job.job_id)]

    def watch_in_pieces(seed):
        chance = random.Random(seed)  # noqa: S311
        seen = []
        with server.client() as mine:
            while not seen or seen[-1] < whole[-1]:
                for event in mine.watch(job.job_id, seen[-1] if seen else 0):
                    seen.append(event.sequence)
                    if chance.random() < 0.03:
                        break
        return seen

    with ThreadPoolExecutor(10) as pool:
        for seen in pool.map(watch_in_pieces, range(100)):
            assert seen == whole


def test_watching_while_it_happens_misses_nothing(server, client):
    spec = training(client, model="live", steps=40)
    job_id = new_id()
    seen = []

    def watch():
        with server.client() as mine:
            after = 0
            while True:
                for event in mine.watch(job_id, after):
                    seen.append(event.sequence)
                    after = event.sequence
                    if after % 7 == 0:
                        break
                else:
                    return

    client.submit_training(spec, job_id)
    watcher = threading.Thread(target=watch)
    watcher.start()
    watcher.join(60)
    assert seen == sorted(set(seen))
    assert set(seen) >= {event.sequence for event in client.watch(job_id)}


def test_watching_an_ended_job_from_its_last_event_ends_at_once(client):
    job = client.wait(client.submit_training(training(client, model="ended")).job_id)
    assert list(client.watch(job.job_id, job.last_sequence)) == []
    assert list(client.watch(job.job_id, 2**60)) == []


def test_the_same_submission_again_is_the_same_job(client):
    spec = training(client, model="again")
    job_id = new_id()
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: client.submit_training(spec, job_id), range(40)))
    assert len({(job.job_id, job.created_s) for job in jobs}) == 1
    assert sum(job.job_id == job_id for job in client.jobs()) == 1
    client.wait(job_id)
    assert client.submit_training(spec, job_id).state == DONE


def test_another_job_under_the_same_id_is_refused(client):
    job = client.submit_training(training(client, model="first"))
    with pytest.raises(AlreadyExists, match="belongs to another job"):
        client.submit_training(training(client, model="second"), job.job_id)
    client.wait(job.job_id)


@pytest.mark.parametrize(
    ("voxels", "words"),
    [
        (np.zeros((6, 40, 50), np.uint8), "empty"),
        (np.ones((6, 40, 50), np.uint8), "[Oo]ne"),
        (np.ones((6, 50, 40), np.uint8), "40"),
        (np.eye(50, dtype=np.float32)[None, :40].repeat(6, 0) + 0.5, "fractions"),
    ],
)
def test_labels_that_cannot_be_learned_from_are_refused_before_they_are_queued(client, voxels, words):
    before = len(client.jobs())
    spec = training(client)
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(voxels))
    with pytest.raises(InvalidInput, match=words):
        client.submit_training(spec)
    assert len(client.jobs()) == before


def test_the_classes_of_a_training_have_the_values_of_its_labels(client):
    spec = training(client)
    voxels = labels()._voxels.copy()
    voxels[voxels == 1] = 200
    voxels[0, 0, 0, :30] = 100
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(voxels))
    er, mitochondria = (
        common_pb2.LabelClass(value=v, name=n) for v, n in [(100, "er"), (200, "mitochondria")]
    )
    spec.classes.extend([mitochondria, er])
    job = client.submit_training(spec)
    assert [entry.value for entry in job.training.classes] == [200, 100]
    client.cancel(job.job_id)
    spec.classes.append(er)
    with pytest.raises(InvalidInput, match="names the value 100 twice"):
        client.submit_training(spec)


def test_masks_have_a_channel_each_and_are_refused_before_they_are_queued(client):
    spec = training(client, target="masks")
    one = labels()._voxels[0]
    voxels = np.stack([np.roll(one, 3, 2) * 7, one])
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(voxels))
    cell, crista = (common_pb2.LabelClass(value=v, name=n) for v, n in [(1, "cell"), (2, "crista")])
    spec.classes.extend([cell, crista])
    job = client.submit_training(spec)
    assert [entry.name for entry in job.training.classes] == ["cell", "crista"]
    client.cancel(job.job_id)
    spec.classes.pop()
    with pytest.raises(InvalidInput, match="1 mask is named, but the labels have 2 channels"):
        client.submit_training(spec)
    voxels[0, 0, 0, :5] = 9
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(voxels))
    spec.classes.append(crista)
    with pytest.raises(InvalidInput, match="Channel 1 of the labels holds the values"):
        client.submit_training(spec)


def test_labels_of_the_sections_to_validate_on_count_as_well(client):
    spec = training(client)
    voxels = labels()._voxels.copy()
    voxels[:, :3] = np.uint8(1)  # the first sections have one class only, the later ones both
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(voxels))
    spec.z.CopyFrom(jobs_pb2.SectionRange(start=0, stop=3))
    with pytest.raises(InvalidInput):
        client.submit_training(spec)
    spec.validation_z.CopyFrom(jobs_pb2.SectionRange(start=3, stop=6))
    assert client.wait(client.submit_training(spec).job_id).state == DONE


def test_what_is_not_there_is_named(client):
    missing = "0" * 64
    spec = training(client)
    spec.volumes[0].image_volume_id = missing
    with pytest.raises(NotFound):
        client.submit_training(spec)
    with pytest.raises(NotFound):
        client.submit_prediction(jobs_pb2.PredictionSpec(model_name="mito", image_volume_id=missing))
    client.wait(client.submit_training(training(client, model="the only one")).job_id)
    with pytest.raises(NotFound, match="the only one"):
        client.submit_prediction(prediction(client, "another one"))
    with pytest.raises(NotFound):
        client.job(new_id())
    with pytest.raises(NotFound):
        client.cancel(new_id())
    with pytest.raises(NotFound):
        list(client.watch(new_id()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "dreams"}, "target"),
        ({"budget": jobs_pb2.Budget(preset="endless")}, "endless"),
        ({"budget": jobs_pb2.Budget(minutes=0)}, "a second"),
        ({"budget": jobs_pb2.Budget(minutes=float("nan"))}, "nan were given"),
        ({"budget": jobs_pb2.Budget(minutes=float("inf"))}, "inf were given"),
        ({"budget": jobs_pb2.Budget(minutes=1e-9)}, "a second.* 1e-09 were given"),
        ({"budget": jobs_pb2.Budget(minutes=20161)}, "to 20160 minutes"),
        ({"budget": jobs_pb2.Budget(steps=0)}, "steps"),
        ({"budget": jobs_pb2.Budget(steps=2**64 - 1)}, "steps"),
        ({"budget": jobs_pb2.Budget(steps=2**64 - 1)}, "18446744073709551615"),
        ({"seed": 2**63}, "The seed is 9223372036854775808; give a whole number from 0"),
        ({"z": jobs_pb2.SectionRange(start=3, stop=3)}, "sections"),
        ({"validation_z": jobs_pb2.SectionRange(start=4, stop=7)}, "4:7 .* 0:6"),
        ({"validation_z": jobs_pb2.SectionRange(start=0, stop=6)}, "Validate on fewer sections"),
        ({"settings": {"patches": "1"}}, "no setting 'patches'"),
        ({"settings": {"batch": "many"}}, "batch is a whole number from 1 to 256, not 'many'"),
        ({"settings": {"precision": "float8"}}, "precision is one of auto, float32, bfloat16, not 'float8'"),
        ({"settings": {"patch_zyx": "1,0,64"}}, "patch_zyx is three whole numbers"),
        ({"z": jobs_pb2.SectionRange(start=0, stop=7)}, "sections"),
        ({"device": "cuda:7"}, "cpu"),
        ({"model_name": ""}, "name"),
        ({"model_name": "../../etc"}, "name"),
    ],
)
def test_a_training_that_cannot_be_is_refused_with_a_sentence(client, change, words):
    spec = training(client)
    spec.model_name = change.get("model_name", "good name")
    spec.MergeFrom(jobs_pb2.TrainingSpec(**change))
    with pytest.raises(InvalidInput, match=words):
        client.submit_training(spec)


def test_a_prediction_that_does_not_fit_the_model_is_refused(client):
    client.wait(client.submit_training(training(client, model="grey")).job_id)
    colour = client.upload(image(shape=(3, 6, 40, 50)))
    with pytest.raises(InvalidInput, match="3 channel"):
        client.submit_prediction(jobs_pb2.PredictionSpec(model_name="grey", image_volume_id=colour))
    with pytest.raises(InvalidInput, match="cannot return instances"):
        client.submit_prediction(prediction(client, "grey", output="instances"))
    with pytest.raises(InvalidInput, match="not known"):
        client.submit_prediction(prediction(client, "grey", output="poems"))


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_soon(client):
    running = client.submit_training(training(client, model="long", steps=3000))
    waiting = client.submit_training(training(client, model="later", steps=3000))
    assert client.cancel(waiting.job_id).state == CANCELLED
    while client.job(running.job_id).progress.fraction == 0:
        time.sleep(0.02)
    began = time.monotonic()
    assert client.cancel(running.job_id).state == jobs_pb2.JOB_STATE_CANCELLING
    assert client.cancel(running.job_id).state in (jobs_pb2.JOB_STATE_CANCELLING, CANCELLED)
    assert client.wait(running.job_id).state == CANCELLED
    assert time.monotonic() - began < 9  # a worker that does not listen is ended after 10
    assert client.cancel(running.job_id).state == CANCELLED
    assert {model.name for model in client.models()}.isdisjoint({"long", "later"})


def test_a_training_that_is_asked_to_finish_ends_early_with_a_model(client):
    assert "training.finish" in client.server().features
    running = client.submit_training(training(client, model="kept", steps=3000))
    for event in client.watch(running.job_id):
        if event.WhichOneof("event") == "metrics":
            break
    for _ in range(2):
        assert client.finish(running.job_id).job_id == running.job_id
    ended = client.wait(running.job_id)
    assert (ended.state, ended.result.model_name) == (DONE, "kept")
    assert 0 < ended.progress.fraction < 1  # the quick worker tells no more
    notes = [event.message.sentence for event in client.watch(running.job_id) if event.message.sentence]
    assert notes[0] == "It is to end early and keep the best."
    assert len(notes) == 2
    with pytest.raises(Busy, match="'kept' has ended already"):
        client.finish(running.job_id)


def test_a_training_whose_worker_is_killed_still_finishes_early(server, client):
    running = client.submit_training(training(client, model="kept", steps=3000))
    assert server.wait_for_worker(client, running.job_id)
    for event in client.watch(running.job_id):
        if event.WhichOneof("event") == "metrics":
            break
    (worker,) = server.workers()
    worker.suspend()
    client.finish(running.job_id)
    worker.kill()
    ended = client.wait(running.job_id)
    assert (ended.state, ended.attempt) == (DONE, 2)
    assert ended.progress.fraction < 1
    asked = server.home.jobs / running.job_id / FINISH_FILE
    deadline = time.monotonic() + 20
    while asked.exists():  # cleared away behind the word that the job has ended
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_cannot_finish_early_is_told(client):
    client.wait(client.submit_training(training(client, model="there")).job_id)
    running = client.submit_training(training(client, model="busy", steps=3000))
    waiting = client.submit_training(training(client, model="patient"))
    predicting = client.submit_prediction(prediction(client, "there"))
    with pytest.raises(Busy, match="waits and has learned nothing"):
        client.finish(waiting.job_id)
    with pytest.raises(Busy, match="is a prediction: only a training"):
        client.finish(predicting.job_id)
    with pytest.raises(NotFound):
        client.finish(new_id())
    with pytest.raises(InvalidInput):
        client.finish("no id")
    for job in (waiting, predicting, running):
        client.cancel(job.job_id)
    client.wait(running.job_id)


def test_a_deleted_job_is_gone_but_what_it_made_stays(server, client):
    assert "jobs.delete" in client.server().features
    spec = training(client, model="made")
    done = client.wait(client.submit_training(spec).job_id)
    predicted = client.wait(client.submit_prediction(prediction(client, "made")).job_id)
    folder = server.home.jobs / done.job_id
    assert (folder / "worker.log").exists()
    for _ in range(2):
        client.delete_job(done.job_id)
    assert not folder.exists()
    assert done.job_id not in [job.job_id for job in client.jobs()]
    for ask in (client.job, client.preview, lambda one: list(client.watch(one)), client.finish):
        with pytest.raises(NotFound):
            ask(done.job_id)
    client.delete_job(predicted.job_id)
    assert "made" in [model.name for model in client.models()]
    assert client.download(predicted.result.outputs[0].volume_id).any()
    client.delete_job(new_id())
    with pytest.raises(InvalidInput):
        client.delete_job("../other")
    again = client.wait(client.submit_training(spec, done.job_id).job_id)  # the id is free
    assert (again.state, again.attempt) == (DONE, 1)


def test_the_work_that_a_failed_training_kept_goes_with_it(server, client):
    failed = client.wait(client.submit_training(training(client, model="disk full once")).job_id)
    assert failed.state == FAILED
    assert server.home.checkpoints(failed.job_id).is_dir()
    client.delete_job(failed.job_id)
    assert not (server.home.jobs / failed.job_id).exists()


def test_a_job_that_waits_or_runs_is_not_deleted(client):
    running = client.submit_training(training(client, model="busy", steps=3000))
    waiting = client.submit_training(training(client, model="patient"))
    for job in (waiting, running):
        with pytest.raises(Busy, match="waits or runs"):
            client.delete_job(job.job_id)
        client.cancel(job.job_id)
        client.wait(job.job_id)
        client.delete_job(job.job_id)
    assert {running.job_id, waiting.job_id}.isdisjoint(job.job_id for job in client.jobs())


def test_jobs_cancelled_at_random_moments_leave_nothing_half_made(server, client):
    chance = random.Random(7)  # noqa: S311
    for number in range(8):
        job = client.submit_training(training(client, model=f"cut {number}", steps=8))
        time.sleep(chance.uniform(0, 1.2))
        client.cancel(job.job_id)
        ended = client.wait(job.job_id)
        assert ended.state in (CANCELLED, DONE)
        names = {model.name for model in client.models()}
        assert (f"cut {number}" in names) == (ended.state == DONE)
    deadline = time.monotonic() + 5
    while server.workers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.workers() == []
    assert client.server().devices[0].job_id == ""


def test_what_an_open_job_needs_cannot_be_deleted_and_afterwards_it_can(client):
    client.wait(client.submit_training(training(client, model="needed")).job_id)
    blocker = client.submit_training(training(client, model="blocker", steps=3000, seed=5))
    spec = prediction(client, "needed", seed=6)
    waiting = client.submit_prediction(spec)
    with pytest.raises(Busy, match="still needs"):
        client.delete_volume(spec.image_volume_id)
    with pytest.raises(Busy, match="still needs"):
        client.delete_model("needed")
    client.cancel(waiting.job_id)
    client.cancel(blocker.job_id)
    client.wait(blocker.job_id)
    client.delete_volume(spec.image_volume_id)
    client.delete_model("needed")
    client.delete_model("needed")
    client.delete_volume(spec.image_volume_id)
    assert "needed" not in {model.name for model in client.models()}


def test_the_device_tells_which_job_holds_it(client):
    job = client.submit_training(training(client, model="holder", steps=3000))
    while client.job(job.job_id).state != jobs_pb2.JOB_STATE_RUNNING:
        time.sleep(0.02)
    assert client.server().devices[0].job_id == job.job_id
    client.cancel(job.job_id)
    client.wait(job.job_id)


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("out of memory", "OUT_OF_MEMORY", "memory"),
        ("out of device memory", "OUT_OF_MEMORY", "smaller patch"),
        ("disk full", "DISK_FULL", "disk is full"),
        ("mistake", "INTERNAL", "mistake"),
    ],
)
def test_a_failed_job_says_why_without_the_servers_secrets(server, client, how, code, words):
    job = client.wait(client.submit_training(training(client, model=how)).job_id)
    assert job.state == FAILED
    assert job.error.code == common_pb2.ErrorCode.Value(f"ERROR_CODE_{code}")
    assert words in job.error.sentence
    assert "secret" not in job.error.sentence
    log = (server.home.jobs / job.job_id / "worker.log").read_text()
    assert "Traceback" in log


def test_a_training_too_short_to_replace_a_model_fails_before_its_first_step(client):
    assert client.wait(client.submit_training(training(client, model="old", steps=1)).job_id).state == DONE
    job = client.wait(client.submit_training(training(client, model="old", steps=1, seed=1)).job_id)
    assert job.state == FAILED
    assert job.error.sentence.startswith(
        "The training would take 1 step, and a model of these labels takes 2 at least: 'old' stays as it was."
    )
    told = {event.WhichOneof("event") for event in client.watch(job.job_id)}
    assert not told & {"plan", "metrics"}
    job = client.wait(client.submit_training(training(client, model="old", steps=2, seed=1)).job_id)
    assert job.state == DONE


def test_a_worker_that_dies_once_is_replaced_and_goes_on_from_its_checkpoint(client):
    job = client.wait(client.submit_training(training(client, model="die once")).job_id)
    assert job.state == DONE
    assert job.attempt == 2
    events = list(client.watch(job.job_id))
    steps = [event.metrics.step for event in events if event.WhichOneof("event") == "metrics"]
    assert steps == [1, 2, 3, 4, 5]  # none twice, none left out
    warnings = [event.message.sentence for event in events if event.message.is_warning]
    assert len(warnings) == 1
    assert warnings[0] == (
        "The computation was ended by the system (signal 9), perhaps for want of memory. The job goes on "
        "from what was saved."
    )


def test_a_training_that_found_the_disk_full_goes_on_when_it_is_submitted_again(client):
    spec = training(client, model="disk full once")
    failed = client.wait(client.submit_training(spec).job_id)
    assert failed.error.code == common_pb2.ERROR_CODE_DISK_FULL
    assert "submitted again, goes on from what was saved" in failed.error.sentence
    job = client.wait(client.submit_training(spec).job_id)
    assert job.state == DONE
    events = list(client.watch(job.job_id))
    assert [event.metrics.step for event in events if event.WhichOneof("event") == "metrics"] == [3, 4, 5]
    assert any("goes on from its work" in event.message.sentence for event in events)
    assert not any("ends early" in event.message.sentence for event in events)


def test_a_training_that_was_to_end_early_and_lacked_room_ends_early_the_next_time_too(server, client):
    spec = training(client, model="disk full once")
    failed = client.wait(client.submit_training(spec).job_id)
    (server.home.jobs / failed.job_id / FINISH_FILE).write_bytes(b"")
    job = client.wait(client.submit_training(spec).job_id)
    assert job.state == DONE
    assert any("so this one ends early, too" in event.message.sentence for event in client.watch(job.job_id))


def test_a_prediction_that_found_the_disk_full_does_no_tile_twice_when_it_is_submitted_again(client):
    client.wait(client.submit_training(training(client, model="full")).job_id)
    picture = image(seed=3, name="fills the disk")
    spec = jobs_pb2.PredictionSpec(model_name="full", image_volume_id=client.upload(picture))
    failed = client.wait(client.submit_prediction(spec).job_id)
    assert failed.error.code == common_pb2.ERROR_CODE_DISK_FULL
    assert "submitted again, goes on" in failed.error.sentence
    job = client.wait(client.submit_prediction(spec).job_id)
    assert job.state == DONE
    notes = [event.message.sentence for event in client.watch(job.job_id)]
    assert "3 of 6 tiles were finished before the interruption." in notes
    threshold = image()._voxels.mean(dtype=np.float64)
    wanted = (picture._voxels > threshold).astype(np.uint8)
    assert np.array_equal(client.download(job.result.outputs[0].volume_id), wanted)


def test_what_libraries_print_does_not_disturb_the_conversation(client):
    for how in ("note", "shout"):
        job = client.wait(client.submit_training(training(client, model=how)).job_id)
        assert job.state == DONE


def test_jobs_are_listed_newest_first_page_by_page(server, client):
    from cristae.v1 import jobs_pb2_grpc

    ids = [job.job_id for job in client.jobs()]
    created = [job.created_s for job in client.jobs()]
    assert created == sorted(created, reverse=True)
    found, page = [], ""
    while True:
        request = jobs_pb2.ListJobsRequest(page_size=3, page=page)
        answer = client._call(jobs_pb2_grpc.JobsStub, "ListJobs", request)
        assert len(answer.jobs) <= 3
        found += [job.job_id for job in answer.jobs]
        page = answer.next_page
        if not page:
            break
    assert found == ids
    running = client.submit_training(training(client, model="hang")).job_id
    request = jobs_pb2.ListJobsRequest(page_size=1, only_open=True)
    answer = client._call(jobs_pb2_grpc.JobsStub, "ListJobs", request)
    assert ([job.job_id for job in answer.jobs], answer.next_page) == ([running], "")
    client.cancel(running)
    client.wait(running)
    assert not client._call(jobs_pb2_grpc.JobsStub, "ListJobs", request).jobs
    for bad in ("x", "-1", "9" * 30, "١"):
        with pytest.raises(InvalidInput, match="no such page"):
            client._call(jobs_pb2_grpc.JobsStub, "ListJobs", jobs_pb2.ListJobsRequest(page=bad))


def test_labels_must_fit_the_image(client):
    spec = training(client)
    spec.volumes[0].labels_volume_id = client.upload(labels(shape=(5, 40, 50)))
    with pytest.raises(InvalidInput, match="5"):
        client.submit_training(spec)


def test_labels_that_mean_other_things_in_another_volume_are_refused_before_they_are_queued(client):
    spec = training(client)
    two_classes, mask = labels()._voxels.copy(), labels()._voxels * np.uint8(255)
    two_classes[..., 30:, :] = 2
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(two_classes))
    spec.volumes.add(
        image_volume_id=client.upload(image(seed=1)), labels_volume_id=client.upload(ArrayImage(mask))
    )
    before = len(client.jobs())
    with pytest.raises(InvalidInput, match="do not agree"):
        client.submit_training(spec)
    assert len(client.jobs()) == before


def test_a_model_of_other_channels_is_no_start(client):
    client.wait(client.submit_training(training(client, model="grey start")).job_id)
    spec = training(client, start_from="grey start")
    spec.volumes[0].image_volume_id = client.upload(image(shape=(3, 6, 40, 50)))
    with pytest.raises(InvalidInput, match=r"1 channel.* 3"):
        client.submit_training(spec)


def test_what_would_overwrite_the_model_to_start_from_is_refused_before_it_is_queued(client):
    client.wait(client.submit_training(training(client, model="base")).job_id)
    with pytest.raises(InvalidInput, match="would overwrite what the model 'base' has learned"):
        client.submit_training(training(client, start_from="base", settings={"pretrain": "0.2"}))


def test_too_many_volumes_and_settings_are_refused(client):
    spec = training(client)
    for _ in range(64):
        spec.volumes.append(spec.volumes[0])
    with pytest.raises(LimitExceeded, match="65"):
        client.submit_training(spec)
    spec = training(client)
    for number in range(65):
        spec.settings[f"s{number}"] = "1"
    with pytest.raises(LimitExceeded, match="65"):
        client.submit_training(spec)
