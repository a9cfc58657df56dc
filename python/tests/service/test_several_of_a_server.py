"""Trainings on several images, and on the labels of several annotators, as a server takes them."""

import numpy as np
import pytest
from running import RunningServer, image, labels, prediction, training

import cristae
from cristae.errors import Busy, InvalidInput, LimitExceeded, NotFound
from cristae.models import ModelLibrary
from cristae.v1 import jobs_pb2
from cristae.volumes import ArrayImage, VoxelSize

DONE = jobs_pb2.JOB_STATE_DONE


def drawn(rows, value=1, shape=(6, 40, 50)):
    voxels = np.zeros(shape, np.uint8)
    voxels[:, rows] = value
    return ArrayImage(voxels)


def add_pair(client, spec, raw, truth):
    spec.volumes.add(image_volume_id=client.upload(raw), labels_volume_id=client.upload(truth))
    return spec


def add_annotators(client, spec, *others):
    spec.volumes[0].further_labels_volume_ids.extend(client.upload(other) for other in others)
    return spec


def test_further_images_and_annotators_are_kept_with_the_job(client):
    spec = add_pair(
        client, training(client, model="both"), image((4, 30, 50), 1), drawn(slice(3), 1, (4, 30, 50))
    )
    add_annotators(client, spec, drawn(slice(8, 20)), drawn(slice(12, 20)))
    done = client.wait(client.submit_training(spec).job_id)
    assert done.state == DONE, done
    assert done.training.volumes == spec.volumes
    assert len(done.training.volumes[0].further_labels_volume_ids) == 2
    assert "training.annotators" in client.server().features


@pytest.mark.parametrize(
    ("raw", "truth", "words"),
    [
        (image(seed=1), drawn(slice(0)), r"^Image 2 of 2, stack\.tif: The labels are empty"),
        (image(seed=1), drawn(slice(9), 1, (5, 40, 50)), r"^Image 2 of 2, .* 5 x 40 x 50 .* 6 x 40 x 50"),
        (image((2, 6, 40, 50)), drawn(slice(9)), r"different numbers of channels: 1 and 2"),
        (labels(), labels(), r"^Image 2 of 2, labels: The image is given as its own labels"),
    ],
)
def test_a_further_image_that_cannot_be_is_named_before_the_job_is_queued(client, raw, truth, words):
    before = len(client.jobs())
    with pytest.raises(InvalidInput, match=words):
        client.submit_training(add_pair(client, training(client), raw, truth))
    assert len(client.jobs()) == before


def test_an_image_that_is_given_twice_is_refused_before_the_job_is_queued(client):
    before = len(client.jobs())
    with pytest.raises(InvalidInput, match=r"^Images 1 and 2 of 2, stack\.tif, are the same\."):
        client.submit_training(add_pair(client, training(client), image(), drawn(slice(9))))
    assert len(client.jobs()) == before


def test_images_of_other_voxel_sizes_are_refused_before_the_job_is_queued(client):
    spec = training(client)
    for size in ((50, 5, 5), (50, 8, 8)):
        add_pair(client, spec, ArrayImage(image()._voxels, VoxelSize(*size)), labels())
    with pytest.raises(InvalidInput, match="50 x 8 x 8 nm, another one 50 x 5 x 5 nm"):
        client.submit_training(spec)


def test_a_stack_without_labels_is_taken_for_pseudo_labels_and_refused_without(client):
    without = ArrayImage(np.full((3, 40, 50), 9, np.uint8))
    spec = add_pair(client, training(client, model="more", unknown_value=9), image((3, 40, 50), 1), without)
    with pytest.raises(InvalidInput, match=r"^Image 2 of 2, stack\.tif: The labels are empty"):
        client.submit_training(spec)
    spec.settings["pseudo"] = "on"
    assert client.submit_training(spec).job_id


@pytest.mark.parametrize(
    ("other", "more", "words"),
    [
        (drawn(slice(9), 1, (5, 40, 50)), {}, r"annotator 2 are 5 x 40 x 50 voxels \(z, y, x\)"),
        (drawn(slice(0)), {}, "The labels of annotator 2 are empty"),
        (drawn(slice(10, 20), 255), {}, "not 1 here and 255 there"),
        (drawn(slice(9)), {"target": "instances"}, "no majority of instances"),
        (image(), {}, "given as its own labels"),
    ],
)
def test_annotators_whose_labels_cannot_be_compared_are_refused_before_the_job_is_queued(
    client, other, more, words
):
    before = len(client.jobs())
    with pytest.raises(InvalidInput, match=words):
        client.submit_training(add_annotators(client, training(client, **more), other))
    assert len(client.jobs()) == before


def test_masks_are_voted_on_each_by_itself_before_the_job_is_queued(client):
    cell, crista = (drawn(slice(*rows))._voxels[0] for rows in ((5, 25), (10, 15)))
    spec = training(client, target="masks")
    spec.volumes[0].labels_volume_id = client.upload(ArrayImage(np.stack([cell, crista])))
    other = np.stack([np.roll(cell, 1, axis=1) * np.uint8(255), crista])
    add_annotators(client, spec, ArrayImage(other))
    assert client.wait(client.submit_training(spec).job_id).state == DONE
    spec.volumes[0].further_labels_volume_ids[:] = [client.upload(ArrayImage(cell))]
    with pytest.raises(InvalidInput, match=r"annotator 2 are 1 x 6 x 40 x 50 voxels \(c, z, y, x\)"):
        client.submit_training(spec)


def test_too_many_annotators_and_those_that_are_not_there_are_refused(client):
    spec = training(client)
    spec.volumes[0].further_labels_volume_ids.extend(["0" * 64] * 15)
    with pytest.raises(NotFound):
        client.submit_training(spec)
    spec.volumes[0].further_labels_volume_ids.append("0" * 64)
    with pytest.raises(LimitExceeded, match=r"17 annotators .* 1 to 16"):
        client.submit_training(spec)
    spec.volumes[0].further_labels_volume_ids[:] = ["nobody"]
    with pytest.raises(InvalidInput, match="A further annotator's volume id"):
        client.submit_training(spec)


def test_the_labels_of_an_annotator_cannot_be_deleted_while_a_job_needs_them(client):
    spec = add_annotators(client, training(client, model="waits", steps=3000), drawn(slice(11, 20)))
    job = client.submit_training(spec)
    labels_id = spec.volumes[0].further_labels_volume_ids[0]
    with pytest.raises(Busy, match="still needs"):
        client.delete_volume(labels_id)
    client.cancel(job.job_id)
    client.wait(job.job_id)
    client.delete_volume(labels_id)


@pytest.mark.slow
def test_a_server_learns_from_all_images_and_annotators_as_the_command_line_does(tmp_path):
    """The bright bands of the first image are class 1, those of the second, whose labels say so, class 2."""
    noise = np.random.default_rng(0)
    raws = [noise.integers(0, 60, (2, 40, 50)).astype(np.uint8) for _ in range(2)]
    raws[0][:, 10:20] += 90
    raws[1][:, 10:20] += 180
    ours, theirs = drawn(slice(10, 20), 1, (2, 40, 50)), drawn(slice(30, 40), 1, (2, 40, 50))
    other = drawn(slice(10, 20), 2, (2, 40, 50))
    settings = {"learner": "forest", "validation": "0"}
    with RunningServer(tmp_path / "server", real_work=True) as server, server.client() as client:
        pair = jobs_pb2.LabelledVolume(
            image_volume_id=client.upload(ArrayImage(raws[0])), labels_volume_id=client.upload(theirs)
        )
        spec = jobs_pb2.TrainingSpec(model_name="m", volumes=[pair], settings=settings, seed=3, device="cpu")
        # Two against one: the band that is bright.
        spec.volumes[0].further_labels_volume_ids.extend([client.upload(ours)] * 2)
        add_pair(client, spec, ArrayImage(raws[1]), other)
        done = client.wait(client.submit_training(spec).job_id)
        assert done.state == DONE, done
        plan = next(e.plan for e in client.watch(done.job_id) if e.WhichOneof("event") == "plan")
        again = client.wait(client.submit_training(spec).job_id)
        told = [e.message.sentence for e in client.watch(again.job_id) if e.WhichOneof("event") == "message"]
        assert [sentence for sentence in told if sentence.startswith("The model 'm' of 2")]
        asked = prediction(client, "m")
        found = []
        for raw in raws:
            asked.image_volume_id = client.upload(ArrayImage(raw))
            job = client.wait(client.submit_prediction(asked).job_id)
            found.append(client.download(job.result.outputs[0].volume_id)[0])
    model = ModelLibrary(server.home.models).get("m")
    for value, result in enumerate(found, 1):
        assert (result[:, 12:18] == value).mean() > 0.95
        assert (result[:, 25:] == 0).mean() > 0.95
    assert plan.sentences[0].startswith("Image 1 of 2: 3 annotators: they all agree on 50.0 % of the voxels")
    assert [len(data.get("further_labels_digests", ())) for data in model.record["data"]] == [2, 0]
    alike = cristae.train(
        raws[0],
        [theirs._voxels, ours._voxels, ours._voxels.copy()],
        also=[(raws[1], other._voxels)],
        model="m",
        settings=settings,
        seed=3,
        device="cpu",
        home=tmp_path / "home",
    )
    assert alike.record["weights_sha256"] == model.record["weights_sha256"]
    assert alike.record["data"] == model.record["data"]
