"""The library of models: what is added is there, whole, whatever happens meanwhile."""

import contextlib
import multiprocessing
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cristae.errors import AlreadyExists, CorruptData, DiskFull, InvalidInput, NotFound
from cristae.models import ModelLibrary, check_model_name

WEIGHTS = {
    "stem.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "norm.count": np.array(7, np.int64),
}


def record(name="mito", **changes):
    return {
        "name": name,
        "target": "classes",
        "classes": [{"value": 1, "name": "mitochondria", "rgb": 0xFF8800}],
        "channels": 1,
        "voxel_size_nm": [50.0, 4.6, 4.6],
        "display_unit": "nm",
        "working_voxel": {"downsample_zyx": [1, 2, 2]},
        "network": {"dims": 2, "features": [16, 32]},
        "preprocessing": {"normalisation": "section", "context": 1},
        "plan": {"sentences": ["8 of 12 sections carry labels."], "settings": {"patch_zyx": "1,256,256"}},
        "metrics": {"dice": 0.91},
        "halo_zyx": [0, 32, 32],
        "data": [{"image_digest": "ab" * 32, "labels_digest": "cd" * 32}],
        "outputs": ["labels", "probabilities"],
        **changes,
    }


@pytest.fixture
def library(tmp_path):
    return ModelLibrary(tmp_path / "models")


def test_a_model_is_not_replaced_by_one_that_has_hardly_been_trained(library):
    before = library.add(record(training={"steps": 1, "fewest_steps": 4}), WEIGHTS)  # the first one is there
    with pytest.raises(InvalidInput, match="took 3 steps, and a model of these labels takes 4 at least"):
        library.add(record(training={"steps": 3, "fewest_steps": 4}), WEIGHTS)
    with pytest.raises(InvalidInput, match="would take 1 step, and a model of these labels takes 4 at least"):
        library.refuse_to_replace("mito", 1, 4, is_planned=True)
    library.refuse_to_replace("mito", None, 4, is_planned=True)  # in a given time nobody knows
    library.refuse_to_replace("other", 1, 4, is_planned=True)
    assert library.get("mito").record == before.record
    assert library.add(record(training={"steps": 4, "fewest_steps": 4}), WEIGHTS).record != before.record


def test_a_copied_folder_is_listed_by_the_name_that_finds_it(library):
    library.add(record(), WEIGHTS)
    shutil.copytree(library.root / "mito", library.root / "copy")
    assert sorted(model.name for model in library.list()) == ["copy", "mito"]
    assert library.get("copy").weights()["norm.count"] == 7


def test_what_cannot_be_read_is_told_by_name(library):
    library.add(record(), WEIGHTS)
    (library.root / "broken").mkdir()
    (library.root / "broken" / "model.json").write_text("{")
    assert [model.name for model in library.list()] == ["mito"]
    assert library.unreadable().keys() == {"broken"}
    with pytest.raises(CorruptData) as failure:
        library.get("broken")
    assert library.unreadable()["broken"] == failure.value.sentence


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_model_whose_weights_are_cut_cannot_be_used(library, kept):
    library.add(record(), WEIGHTS)
    file = library.add(record(name="cut"), WEIGHTS).path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert [model.name for model in library.list()] == ["mito"]
    there = len(file.read_bytes())
    assert f"The weights of the model cut are incomplete: {there} of" in library.unreadable()["cut"]


def test_a_model_comes_back_as_it_was_added(library):
    added = library.add(record(), WEIGHTS)
    model = library.get("mito")
    assert model.record == added.record
    assert model.record["classes"] == record()["classes"]
    assert model.record["schema"] == 1
    assert len(model.digest) == 64
    weights = model.weights()
    assert weights.keys() == WEIGHTS.keys()
    for name, values in WEIGHTS.items():
        assert weights[name].shape == values.shape
        assert weights[name].dtype == values.dtype
        assert np.array_equal(weights[name], values)


def test_weights_that_lie_scattered_in_memory_are_saved_in_order(library):
    scattered = {"a": np.arange(24, dtype=">f4").reshape(4, 6).T[::2]}
    assert np.array_equal(library.add(record(), scattered).weights()["a"], scattered["a"])


def test_the_newest_model_comes_first(library):
    for name, created_s in (("old", 10.0), ("new", 30.0), ("mid", 20.0)):
        library.add(record(name, created_s=created_s), WEIGHTS)
    assert [model.name for model in library.list()] == ["new", "mid", "old"]


def test_a_missing_model_is_told_with_the_names_that_are_there(library):
    with pytest.raises(NotFound, match="nor any other yet: a training makes one"):
        library.get("nuclei")
    library.add(record("mito"), WEIGHTS)
    library.add(record("er"), WEIGHTS)
    with pytest.raises(NotFound, match="There are: er, mito"):
        library.get("nuclei")


def test_a_model_is_replaced_and_the_newest_three_predecessors_stay(library):
    for generation in range(6):
        library.add(record(metrics={"dice": float(generation)}), WEIGHTS)
    assert library.get("mito").record["metrics"] == {"dice": 5.0}
    assert library.names() == ["mito"]
    kept = sorted((library.root / ".replaced").iterdir())
    assert [library.get(folder).record["metrics"]["dice"] for folder in kept] == [2.0, 3.0, 4.0]


def test_predecessors_of_another_name_are_not_touched(library):
    for name in ("mito", "mito-5"):
        for _ in range(5):
            library.add(record(name), WEIGHTS)
    assert len(list((library.root / ".replaced").iterdir())) == 6
    library.delete("mito")
    assert library.names() == ["mito-5"]
    assert len(list((library.root / ".replaced").iterdir())) == 3


def test_deleting_what_is_not_there_is_fine(library):
    assert not library.delete("mito")
    library.add(record(), WEIGHTS)
    assert library.delete("mito")
    assert not library.delete("mito")
    assert library.list() == []


def test_a_restarted_job_finds_its_model(library):
    library.add(record("a", job_id="1b4e28ba-2fa1-11d2-883f-0016d3cca427"), WEIGHTS)
    library.add(record("b"), WEIGHTS)
    found = library.find_by_job("1b4e28ba-2fa1-11d2-883f-0016d3cca427")
    assert found is not None
    assert found.name == "a"
    assert library.find_by_job("another") is None


def test_a_package_may_lie_anywhere(library, tmp_path):
    library.add(record(), WEIGHTS)
    elsewhere = (library.root / "mito").rename(tmp_path / "from a colleague")
    assert library.find(str(elsewhere)).name == "mito"
    assert library.get(elsewhere).name == "mito"
    library.add(record(), WEIGHTS)
    assert library.find("mito").path == library.root / "mito"
    with pytest.raises(NotFound, match="There is no model in"):
        library.find(str(elsewhere.with_name("nothing")))


def test_a_name_that_windows_reserves_is_refused_with_that_reason():
    with pytest.raises(InvalidInput, match="Windows reserves it"):
        check_model_name("CON")


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../x", "a/b", "a\\b", "/etc", "C:\\x", "con", "NUL.txt", "lpt1", "a\0b", "a\n",
     "a.", "a ", "-rf", ".hidden", "ü", "x" * 121, "~", "a:b", "a*b", "$HOME", "%PATH%"],
)  # fmt: skip
def test_a_name_never_leads_out_of_the_library(library, name):
    with pytest.raises(InvalidInput, match="cannot be the name of a model"):
        check_model_name(name)
    for action in (library.get, library.delete, lambda bad: library.add(record(bad), WEIGHTS)):
        with pytest.raises(InvalidInput):
            action(name)
    assert not library.root.exists()


@pytest.mark.parametrize(
    "name", ["mito", "Mito 2.5D (best)", "x" * 120, "a+b_c-d", "2", "console", "nullify"]
)
def test_ordinary_names_are_fine(library, name):
    assert library.add(record(name), WEIGHTS).name == name


def test_names_that_differ_in_case_only_are_refused(library):
    library.add(record("mito"), WEIGHTS)
    with pytest.raises(AlreadyExists, match="upper and lower case"):
        library.add(record("Mito"), WEIGHTS)


@pytest.mark.parametrize("weights", [{}, {"a": np.array([1, np.nan], np.float32)}])
def test_what_cannot_be_a_model_is_never_added(library, weights):
    with pytest.raises(InvalidInput):
        library.add(record(), weights)
    assert library.names() == []
    assert list((library.root / ".staging").iterdir()) == []


@pytest.mark.parametrize("missing", ["target", "classes", "network", "halo_zyx"])
def test_a_record_that_could_not_be_read_back_is_never_written(library, missing):
    incomplete = record()
    del incomplete[missing]
    with pytest.raises(CorruptData, match=missing):
        library.add(incomplete, WEIGHTS)
    assert library.names() == []


def test_a_full_disk_leaves_the_old_model(library, monkeypatch):
    library.add(record(metrics={"dice": 1.0}), WEIGHTS)

    def full(*_):
        raise DiskFull("The disk is full.")

    monkeypatch.setattr("cristae.models.package.write_file_durably", full)
    with pytest.raises(DiskFull):
        library.add(record(metrics={"dice": 2.0}), WEIGHTS)
    assert library.get("mito").record["metrics"] == {"dice": 1.0}


def test_saving_again_gives_the_same_bytes(library, tmp_path):
    first = library.add(record(), WEIGHTS)
    other = ModelLibrary(tmp_path / "other")
    for _ in range(20):
        again = other.add(first.record, first.weights())
        for file in ("model.json", "weights.safetensors"):
            assert (again.path / file).read_bytes() == (first.path / file).read_bytes()


def test_two_processes_may_add_the_same_name_at_once(library):
    def add(generation):
        return library.add(record(metrics={"dice": float(generation)}), WEIGHTS).name

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(add, range(12))) == ["mito"] * 12
    assert library.get("mito").weights().keys() == WEIGHTS.keys()
    assert list((library.root / ".ready").iterdir()) == []


@pytest.mark.parametrize("stop_before", [1, 2, 3])
def test_a_model_is_never_away_while_it_is_being_replaced(library, monkeypatch, stop_before):
    """The process dies before its first, second or third rename; then another one goes on."""
    library.add(record(metrics={"dice": 1.0}), WEIGHTS)
    rename, calls = Path.rename, 0

    def dying(source, target):
        nonlocal calls
        calls += 1
        if calls == stop_before:
            raise KeyboardInterrupt
        return rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("cristae.models.library.Path.rename", dying)
        # Not the files' renames inside of the staged folder: those are durable.py's, through Path.replace.
        with pytest.raises(KeyboardInterrupt):
            library.add(record(metrics={"dice": 2.0}), WEIGHTS)
    assert library.get("mito").record["metrics"]["dice"] == (1.0 if stop_before == 1 else 2.0)
    assert [model.name for model in library.list()] == ["mito"]
    library.add(record(metrics={"dice": 3.0}), WEIGHTS)
    assert library.get("mito").record["metrics"]["dice"] == 3.0
    assert library.get("mito").path == library.root / "mito"


def test_a_model_that_is_on_its_way_is_read_before_another_process_may_move_it(library, monkeypatch):
    library.add(record(), WEIGHTS)
    (library.root / "mito").rename(library.root / ".ready" / "mito")
    lock = ModelLibrary._lock

    @contextlib.contextmanager
    def followed_by_another(self):
        with lock(self):
            yield
        (library.root / "mito").rename(library.root / ".replaced" / "mito-1")

    monkeypatch.setattr(ModelLibrary, "_lock", followed_by_another)
    assert library.get("mito").name == "mito"


ADD_FOR_EVER = """
import numpy as np
from cristae.models import ModelLibrary
library, generation = ModelLibrary(root), 0
while True:
    generation += 1
    weights = {"a": np.full((64, 1024), generation, np.float32), "b": np.full(9, generation, np.float32)}
    library.add({**record, "metrics": {"generation": generation}}, weights)
    added.set()
"""


def test_killing_the_process_at_any_moment_never_shows_half_a_model(library):
    first = {"a": np.zeros((64, 1024), np.float32), "b": np.zeros(9, np.float32)}
    library.add(record(metrics={"generation": 0}), first)
    chance = np.random.default_rng(3)
    # Importing once and forking from there keeps the test quick where that is possible.
    processes = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    processes.set_forkserver_preload(["cristae.models"])
    for _ in range(20):
        added = processes.Event()
        variables = {"root": library.root, "record": record(), "added": added}
        adder = processes.Process(target=exec, args=(ADD_FOR_EVER, variables), daemon=True)
        adder.start()
        assert added.wait(60)  # the first of them, however slow this machine is just now
        deadline = time.monotonic() + chance.uniform(0.0, 0.15)
        while time.monotonic() < deadline:
            assert library.get("mito").name == "mito"  # never NotFound, never CorruptData
        adder.kill()
        adder.join()
        model = library.get("mito")
        assert {values.flat[0] for values in model.weights().values()} == {
            model.record["metrics"]["generation"]
        }
        assert library.names() == ["mito"]
    assert model.record["metrics"]["generation"] > 0
    assert library.add(record(), WEIGHTS).path == library.root / "mito"
    assert list((library.root / ".ready").iterdir()) == []
