"""Images under the data root of a real server: listed, segmented as if they had been sent, and guarded."""

import os
import time

import h5py
import numpy as np
import pytest
import tifffile
from running import RunningServer, image, new_id, training
from written_formats import FORMATS, SHAPE, some_voxels, write_hdf5, write_tiff

from cristae.errors import AlreadyExists, Busy, InvalidInput, NotFound
from cristae.jobs.specs import staging_id
from cristae.service import serve
from cristae.settings import Home
from cristae.v1 import jobs_pb2, volumes_pb2, volumes_pb2_grpc
from cristae.volumes import ArrayImage, open_image

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED
CHANGED = "was changed since the job was submitted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All formats, each with other voxels, so that no prediction is another's."""
    root = tmp_path_factory.mktemp("data") / "root"
    root.mkdir()
    for number, (name, write) in enumerate(FORMATS.items()):
        write(root / name, np.roll(some_voxels(), number + 1))
    (root / "broken.tif").write_bytes(b"II*\0 and nothing more")
    (root / "deep").mkdir()
    with h5py.File(root / "deep" / "two.h5", "w") as file:
        file["raw"] = some_voxels()
        file["labels"] = (some_voxels() > 60).astype(np.uint8)
    (root / "stacks").mkdir()
    for number in (2, 10):
        write_tiff(root / "stacks" / f"s{number}.tif", some_voxels())
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory, folder):
    with RunningServer(tmp_path_factory.mktemp("home") / "home", data_root=str(folder)) as running:
        with running.client() as client:
            client.wait(client.submit_training(training(client, model="base")).job_id)
        yield running


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


def listed(client):
    return {found.name: found for found in client.found_volumes()}


def page_of(client, size, page=""):
    request = volumes_pb2.ListFoundVolumesRequest(page_size=size, page=page)
    return client._call_long(volumes_pb2_grpc.VolumesStub, "ListFoundVolumes", request)


def predict(client, volume_id, model="base", job_id="", **more):
    spec = jobs_pb2.PredictionSpec(model_name=model, image_volume_id=volume_id, **more)
    return client.submit_prediction(spec, job_id)


def test_everything_under_the_root_is_listed_with_what_it_is(client, folder):
    found = listed(client)
    assert list(found) == [
        "a.h5",
        "a.mrc",
        "a.nii",
        "a.nii.gz",
        "a.tif",
        "broken.tif",
        "deep/two.h5:labels",
        "deep/two.h5:raw",
        "n5",
        "new.zarr",
        "old.zarr",
        "packed.tif",
        "pictures",
        "planes",
        "stacks/s2.tif",
        "stacks/s10.tif",
    ]
    assert "broken.tif cannot be read" in found["broken.tif"].problem
    assert found["broken.tif"].volume_id == ""
    sound = [one for one in found.values() if not one.problem]
    assert len({one.volume_id for one in sound}) == len(sound) == 15
    assert {(one.shape.c, one.shape.z, one.shape.y, one.shape.x) for one in sound} == {(1, *SHAPE)}
    assert {one.stored_type for one in sound} == {"uint8", "int16"}
    size = found["new.zarr"].voxel_size
    assert (size.z_nm, size.y_nm, size.x_nm) == (50, 4, 4)
    assert not found["packed.tif"].HasField("voxel_size")
    assert "volumes.found" in client.server().features


@pytest.mark.parametrize("size", [1, 4, 7])
def test_pages_put_together_are_the_list(client, size):
    names, page = [], ""
    while True:
        answer = page_of(client, size, page)
        assert len(answer.volumes) <= size
        names += [found.name for found in answer.volumes]
        page = answer.next_page
        if not page:
            break
    assert names == list(listed(client))


@pytest.mark.parametrize("page", ["x", "1", "/", "-1/a.tif", "1/", "9999999999/a.tif", "../../etc"])
def test_a_page_that_there_is_not_is_refused(client, page):
    with pytest.raises(InvalidInput, match="no such page"):
        page_of(client, 4, page)


def test_a_page_behind_something_that_has_gone_goes_on_with_what_follows(client):
    page_of(client, 4)
    first = {"3/broken.tif~": "deep/two.h5:labels", "0/../secret.tif": "a.h5", "0//etc/passwd": "a.h5"}
    for gone, expected in first.items():
        names = [found.name for found in page_of(client, 200, gone).volumes]
        everything = list(listed(client))
        assert names == everything[everything.index(expected) :]


@pytest.mark.parametrize("name", FORMATS)
def test_what_lies_under_the_root_is_segmented_as_if_it_had_been_sent(client, folder, name):
    sent = client.upload(open_image(folder / name))
    jobs = [client.wait(predict(client, one).job_id) for one in (listed(client)[name].volume_id, sent)]
    assert [job.state for job in jobs] == [DONE, DONE], jobs
    # The digest stands for every voxel, the number type and the voxel size.
    there, here = (job.result.outputs[0].volume_id for job in jobs)
    assert there == here
    assert client.download(there).shape == (1, *SHAPE)
    assert jobs[0].title == f"{name} with base"
    assert jobs[0].prediction.image_name == name


def test_one_array_of_several_is_taken_by_its_name(client, folder):
    found = listed(client)
    done = client.wait(predict(client, found["deep/two.h5:raw"].volume_id).job_id)
    alone = client.wait(predict(client, client.upload(ArrayImage(some_voxels()))).job_id)
    ours, theirs = (client.download(job.result.outputs[0].volume_id) for job in (done, alone))
    assert np.array_equal(ours, theirs)
    assert done.title == "two.h5:raw with base"
    (result,) = (one for one in client.volumes() if one.volume_id == done.result.outputs[0].volume_id)
    assert result.spec.name == "two-base.h5:raw"


def test_a_model_is_trained_on_images_and_labels_under_the_root_as_on_sent_ones(client, folder):
    found = listed(client)

    def trained(name, raw, labels):
        pair = jobs_pb2.LabelledVolume(image_volume_id=raw, labels_volume_id=labels)
        spec = jobs_pb2.TrainingSpec(model_name=name, volumes=[pair], budget=jobs_pb2.Budget(steps=2))
        job = client.wait(client.submit_training(spec).job_id)
        assert job.state == DONE, job
        return next(model.digest for model in client.models() if model.name == name)

    voxels = some_voxels()
    sent = [client.upload(ArrayImage(one)) for one in (voxels, (voxels > 60).astype(np.uint8))]
    ours = trained("found", found["deep/two.h5:raw"].volume_id, found["deep/two.h5:labels"].volume_id)
    assert ours == trained("sent", *sent)
    with pytest.raises(InvalidInput, match="labels"):  # grey values are no labels
        trained("no labels", found["deep/two.h5:labels"].volume_id, found["a.mrc"].volume_id)


def test_an_id_that_nothing_has_is_refused_and_so_are_names(client):
    with pytest.raises(NotFound, match="neither sent nor under the data root"):
        predict(client, "ab" * 32)
    for name in ("a.tif", "../a.tif", "/etc/passwd", "A" * 64):
        with pytest.raises(InvalidInput, match="not a digest"):
            predict(client, name)


def test_a_file_that_is_changed_has_another_id_and_the_old_one_is_refused(client, folder):
    place = folder / "changing.tif"
    write_tiff(place, some_voxels())
    before = listed(client)["changing.tif"].volume_id
    job_id = new_id()
    client.wait(predict(client, before, job_id=job_id).job_id)
    write_tiff(place, some_voxels() // 2)
    os.utime(place, ns=(7, 7))
    with pytest.raises(NotFound, match="changed since it was listed"):
        predict(client, before)
    after = listed(client)["changing.tif"].volume_id
    assert after != before
    assert predict(client, before, job_id=job_id).state == DONE  # the same request is the same job
    with pytest.raises(AlreadyExists):
        predict(client, after, job_id=job_id)
    place.unlink()
    with pytest.raises(NotFound):
        predict(client, after)


def test_files_that_harm_their_reader_get_a_sentence_and_the_server_goes_on(client, folder):
    bad = folder / "bad"
    bad.mkdir()
    write_hdf5(bad / "cut.h5", np.tile(some_voxels(), (8, 4, 4)))
    (bad / "cut.h5").write_bytes((bad / "cut.h5").read_bytes()[:-5000])
    (bad / "noise.tif").write_bytes(b"II*\0" + np.random.default_rng(1).bytes(5000))
    (bad / "noise.mrc").write_bytes(np.random.default_rng(2).bytes(5000))
    (bad / "noise.nii").write_bytes(np.random.default_rng(3).bytes(5000))
    (bad / "noise.png").write_bytes(np.random.default_rng(4).bytes(5000))
    (bad / "noise.zarr").mkdir()
    (bad / "noise.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "array"}')
    (bad / "noise.n5").mkdir()
    (bad / "noise.n5" / "attributes.json").write_text('{"dimensions": [9, 9], "dataType": "uint8"}')
    found = {name: one for name, one in listed(client).items() if name.startswith("bad/")}
    assert len(found) == 7
    for name, one in found.items():
        assert one.problem, name
        assert str(folder) not in one.problem
    assert client.wait(predict(client, listed(client)["a.tif"].volume_id).job_id).state == DONE


def test_a_missing_slice_is_told_in_the_list_and_to_the_job(client, folder):
    for number in (1, 2, 4, 5):
        (folder / "gap").mkdir(exist_ok=True)
        tifffile.imwrite(folder / "gap" / f"z{number}.tif", some_voxels()[number - 1])
    (note,) = listed(client)["gap"].notes
    assert "seems to be missing between z2.tif and z4.tif" in note
    job = client.wait(predict(client, listed(client)["gap"].volume_id).job_id)
    said = [event.message.sentence for event in client.watch(job.job_id)]
    assert said.count(note) == 1
    tifffile.imwrite(folder / "gap" / "z3.tif", some_voxels()[0, :9])
    client.wait(predict(client, listed(client)["gap"].volume_id).job_id)
    job = client.jobs()[0]
    assert job.state == FAILED
    assert "all slices must be alike" in job.error.sentence


def test_a_server_without_a_data_root_says_so(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client() as client:
        assert "volumes.found" not in client.server().features
        with pytest.raises(Busy, match="has no data root"):
            client.found_volumes()


@pytest.mark.parametrize("inside", ["home/data", ".", "home"])
def test_a_data_root_that_would_offer_the_home_is_refused(tmp_path, inside):
    (tmp_path / "home" / "data").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="lie in each other"):
        serve(Home(tmp_path / "home"), data_root=tmp_path / inside)


# Kills and changes


def slow(root):
    """An image that takes the quick worker seconds."""
    root.mkdir()
    voxels = image(shape=(400, 8, 9))._voxels[0]
    write_tiff(root / "slow.tif", voxels)
    return voxels


def begun(server, client):
    """Return a job on the slow image that has predicted a part."""
    job = predict(client, listed(client)["slow.tif"].volume_id)
    deadline = time.monotonic() + 120
    while client.job(job.job_id).progress.fraction < 0.1:
        assert time.monotonic() < deadline, server.told_of(client.job(job.job_id), "it did not begin")
        time.sleep(0.05)
    return job.job_id


@pytest.fixture
def killed(tmp_path):
    """A server that was killed in the middle of a prediction, and the job; `start` starts it again."""
    voxels = slow(tmp_path / "root")
    with (
        RunningServer(tmp_path / "home", data_root=str(tmp_path / "root")) as server,
        server.client(patience_s=60) as client,
    ):
        client.wait(client.submit_training(training(client, model="base")).job_id)
        job_id = begun(server, client)
        for process in server.workers():
            process.kill()
        server.kill()
        yield server, client, job_id, voxels


def test_a_prediction_goes_on_after_a_kill_with_the_bytes_of_an_unbroken_one(killed):
    server, client, job_id, voxels = killed
    server.start()
    job = server.wait_for_end(client, job_id)
    assert job.state == DONE, job
    said = " ".join(event.message.sentence for event in client.watch(job_id))
    assert "tiles were finished before the interruption" in said
    unbroken = client.wait(predict(client, client.upload(ArrayImage(voxels))).job_id)
    ours, theirs = (client.download(one.result.outputs[0].volume_id) for one in (job, unbroken))
    assert np.array_equal(ours, theirs)


def test_a_prediction_does_not_go_on_with_a_file_that_was_changed_between(killed, tmp_path):
    server, client, job_id, _ = killed
    place = tmp_path / "root" / "slow.tif"
    changed = place.stat().st_mtime_ns + 1_000_000
    os.utime(place, ns=(changed, changed))
    server.start()
    job = server.wait_for_end(client, job_id)
    assert job.state == FAILED
    assert job.error.sentence.startswith("The image 'slow.tif' under the data root " + CHANGED)
    assert "submit a new job" in job.error.sentence
    half_made = server.home.staging / staging_id(job_id)
    deadline = time.monotonic() + 60
    while half_made.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_prediction_does_not_go_on_without_its_data_root(killed):
    server, client, job_id, _ = killed
    del server.options["data_root"]
    server.start()
    job = server.wait_for_end(client, job_id)
    assert job.state == FAILED
    assert "'slow.tif' lies under a data root, which this server has not" in job.error.sentence


def test_a_file_that_is_changed_while_it_is_read_gives_no_result(tmp_path):
    slow(tmp_path / "root")
    with (
        RunningServer(tmp_path / "home", data_root=str(tmp_path / "root")) as server,
        server.client() as client,
    ):
        client.wait(client.submit_training(training(client, model="base")).job_id)
        volumes = len(client.volumes())
        job_id = begun(server, client)
        os.utime(tmp_path / "root" / "slow.tif", ns=(7, 7))
        job = server.wait_for_end(client, job_id)
        assert job.state == FAILED
        assert CHANGED in job.error.sentence
        assert len(client.volumes()) == volumes


def test_an_id_is_known_to_the_next_server_too(tmp_path):
    (tmp_path / "root").mkdir()
    write_hdf5(tmp_path / "root" / "a.h5", some_voxels())
    with (
        RunningServer(tmp_path / "home", data_root=str(tmp_path / "root")) as server,
        server.client(patience_s=60) as client,
    ):
        client.wait(client.submit_training(training(client, model="base")).job_id)
        volume_id = listed(client)["a.h5"].volume_id
        server.stop()
        server.start()
        assert client.wait(predict(client, volume_id).job_id).state == DONE
