"""Models that stay loaded: how many, how large, and that a replaced one is not answered for."""

import io
import json

import numpy as np
import pytest
from drawn_models import add_model

from cristae.errors import CorruptData, NotFound
from cristae.jobs.frames import frame_parts, read_frame
from cristae.models import ModelLibrary
from cristae.worker import loaded as room
from cristae.worker.loaded import LoadedModels


@pytest.fixture
def home(tmp_path):
    for seed, name in enumerate(("a", "b", "c")):
        add_model(tmp_path, name, seed=seed)
    return tmp_path


def loaded(home, most_models=9, most_bytes=2**30):
    return LoadedModels(ModelLibrary(home / "models"), most_models, most_bytes)


def test_a_model_that_stays_is_the_same_object_and_the_least_recently_used_one_leaves(home):
    models = loaded(home, most_models=2)
    first = models.get("a", "cpu")
    models.get("b", "cpu")
    assert models.get("a", "cpu") is first
    assert models.names() == ["b", "a"]
    models.get("c", "cpu")
    assert models.names() == ["a", "c"]
    assert models.get("a", "cpu") is first


def test_the_weights_of_all_together_are_bounded_and_one_that_is_larger_is_kept_alone(home):
    package = ModelLibrary(home / "models").get("a")
    one = package.weight_bytes
    arrays = sum(array.nbytes for array in package.weights().values())
    assert arrays < one < arrays + 16384  # names and shapes lie before them
    models = loaded(home, most_bytes=2 * one)
    for name in ("a", "b", "c"):
        models.get(name, "cpu")
    assert models.names() == ["b", "c"]
    small = loaded(home, most_bytes=one - 1)
    assert small.get("a", "cpu") is small.get("a", "cpu")
    small.get("b", "cpu")
    assert small.names() == ["b"]


def test_a_model_that_was_replaced_is_loaded_anew_and_one_that_was_deleted_is_gone(home):
    models = loaded(home)
    before = models.get("a", "cpu")
    add_model(home, "a", seed=77)
    after = models.get("a", "cpu")
    assert after is not before
    assert after.digest != before.digest
    assert models.names() == ["a"]
    ModelLibrary(home / "models").delete("a")
    with pytest.raises(NotFound, match="no model 'a'"):
        models.get("a", "cpu")


def test_a_model_of_the_same_weights_and_another_record_is_loaded_anew(home):
    models = loaded(home)
    before = models.get("a", "cpu")
    add_model(home, "a", seed=0, voxel_size_nm=[40.0, 4.0, 4.0])
    after = models.get("a", "cpu")
    assert after.digest == before.digest
    assert before.record["voxel_size_nm"] is None
    assert after.record["voxel_size_nm"] == [40.0, 4.0, 4.0]


def test_others_leave_before_a_model_takes_memory(home, monkeypatch):
    models, seen = loaded(home, most_models=2), []
    load = room.load_predictor

    def watched(*given, **named):
        seen.append(models.names())
        return load(*given, **named)

    monkeypatch.setattr(room, "load_predictor", watched)
    for name in ("a", "b", "c"):
        models.get(name, "cpu")
    assert seen == [[], ["a"], ["b"]]


@pytest.mark.parametrize(
    "broken",
    [
        b"nonsense\n",
        b"{}\n",
        b"[1]\n",
        b'{"bytes":-1}\n',
        b'{"bytes":"5"}\n12345',
        b'{"bytes":17}\n' + b"x" * 17,
        b'{"bytes":5}\n123',
        b'{"bytes":5',
    ],
)
def test_a_broken_frame_is_refused(broken):
    with pytest.raises(CorruptData):
        read_frame(io.BytesIO(broken), 16)


def test_frames_follow_each_other_with_any_bytes_behind_them():
    data = bytes(range(256))
    stream = io.BytesIO(b"".join((*frame_parts({"z": 1}, data), *frame_parts({"z": 2}))))
    assert read_frame(stream, 256) == ({"z": 1}, data)
    assert read_frame(stream, 256) == ({"z": 2}, b"")
    assert read_frame(stream, 256) is None
    assert json.loads(frame_parts({"x": np.float64(1.5).item()})[0]) == {"x": 1.5, "bytes": 0}
