"""Several processes predict one volume: the same labels, whoever dies on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import tifffile
import unit_functions
import zarr
from drawn_models import add_model

import cristae
from cristae import cli
from cristae.door.unit_work import Order, order_of, predict_unit
from cristae.door.workers import Crew, DaskWorkers, LocalWorkers, SlurmWorkers
from cristae.errors import Cancelled, CristaeError, DiskFull, InvalidInput
from cristae.events import Note, Progress
from cristae.geometry import Box
from cristae.locking import FileLock
from cristae.models import ModelLibrary
from cristae.networks.statistics import sample
from cristae.prediction import devices, fitting, load_models, units
from cristae.settings import Home
from cristae.volumes import VolumeSpec, open_image
from cristae.volumes.records import spec_to_json

SHAPE = (20, 300, 290)


@pytest.fixture
def large(stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image of eight blocks, and each block a unit."""
    monkeypatch.setattr(units, "LEAST_VOXELS", 1)
    monkeypatch.setattr(units, "FEWEST_UNITS", 100)
    voxels = tifffile.imread(stack)
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, np.tile(voxels, (4, 8, 6))[: SHAPE[0], : SHAPE[1], : SHAPE[2]])
    return path


def labels_in(path):
    return np.asarray(zarr.open_group(path, mode="r")["0"])[0]


def never():
    return False


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_two_processes_predict_what_one_does(home: Path, large: Path, tmp_path: Path, kind: str) -> None:
    whole = cristae.predict(large, model="mito", kind=kind, engine="torch")
    out = tmp_path / "out.zarr"
    words = ["predict", str(large), str(out), "--model", "mito", "--local-workers", "2", "--output", kind]
    assert cli.main(words) == 0
    found = np.asarray(zarr.open_group(out, mode="r")["0"])
    assert np.abs(found.astype(int) - np.asarray(whole).reshape(found.shape)).max() <= (kind != "labels")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out.zarr"]


def test_what_was_interrupted_is_done_by_others_only_where_it_lacks(
    home: Path, large: Path, tmp_path: Path
) -> None:
    whole = cristae.predict(large, model="mito", engine="torch")
    mask = tmp_path / "mask.tif"
    tifffile.imwrite(mask, np.ones(SHAPE, np.uint8))
    out, told = tmp_path / "out.zarr", []
    done = []

    def listen(event):
        told.append(event)
        if isinstance(event, Progress):
            done.append(event.fraction)

    choices = {"model": "mito", "inside": mask, "on_event": listen}
    with pytest.raises(Cancelled, match="same command again"):
        cristae.predict(
            large, out, workers=LocalWorkers(1), should_stop=lambda: bool(done and done[-1] > 0.2), **choices
        )
    before = len(done)
    assert 2 <= before < 8
    cristae.predict(large, out, workers=LocalWorkers(2), **choices)
    assert any(isinstance(one, Note) and f"{before} of 8 units were" in one.sentence for one in told)
    assert len(done) == 8
    assert np.array_equal(labels_in(out), whole)


def test_several_processes_predict_a_part(home: Path, large: Path, tmp_path: Path) -> None:
    whole, out = cristae.predict(large, model="mito", engine="torch"), tmp_path / "out.zarr"
    cristae.predict(large, out, model="mito", workers=LocalWorkers(2), z=(1, 3), x=(20, 90))
    expected = np.zeros_like(whole)
    expected[1:3, :, 20:90] = whole[1:3, :, 20:90]
    assert expected.any()
    assert np.array_equal(labels_in(out), expected)


def test_another_part_does_not_go_on_with_what_was_begun(home: Path, large: Path, tmp_path: Path) -> None:
    whole, out = cristae.predict(large, model="mito", engine="torch"), tmp_path / "out.zarr"
    done: list[float] = []

    def listen(event):
        if isinstance(event, Progress):
            done.append(event.fraction)

    choices = {"model": "mito", "on_event": listen}
    with pytest.raises(Cancelled):
        cristae.predict(
            large, out, workers=LocalWorkers(1), z=(0, 2), should_stop=lambda: bool(done), **choices
        )
    cristae.predict(large, out, workers=LocalWorkers(1), z=(0, 5), **choices)
    assert np.array_equal(labels_in(out)[:5], whole[:5])
    assert not labels_in(out)[5:].any()


def test_tiles_that_one_process_wrote_in_part_do_not_cover_the_units_of_several(
    home: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles that cut a block lie beside it until the end, and were taken for newer than a whole block."""
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 100_000)
    whole = cristae.predict(large, model="mito", engine="torch")
    out, asked, told = tmp_path / "out.zarr", iter(range(1000)), []
    with pytest.raises(Cancelled):
        cristae.predict(large, out, model="mito", engine="torch", should_stop=lambda: next(asked) >= 3)
    assert list(tmp_path.rglob("*.part"))
    listen = lambda event: told.append(str(event))  # noqa: E731
    cristae.predict(large, out, model="mito", workers=LocalWorkers(1), on_event=listen)
    assert np.array_equal(labels_in(out), whole)
    assert any("cannot be gone on with by several" in sentence for sentence in told)


@pytest.mark.parametrize("name", ["out.tif", "out.h5", "out/"])
def test_several_processes_fill_files_that_only_one_can_write(
    home: Path, large: Path, tmp_path: Path, name: str
) -> None:
    whole = cristae.predict(large, model="mito", engine="torch")
    out, done = f"{tmp_path}/{name}", []

    def listen(event):
        if isinstance(event, Progress):
            done.append(event)

    stop = lambda: bool(done)  # noqa: E731
    with pytest.raises(Cancelled, match="same command again"):
        cristae.predict(large, out, model="mito", workers=LocalWorkers(1), on_event=listen, should_stop=stop)
    before = len(done)
    cristae.predict(large, out, model="mito", workers=LocalWorkers(2), on_event=listen)
    units_done = [one.detail for one in done if one.stage == "Predicting"]
    assert len(units_done) == 8
    assert before < 8
    assert np.array_equal(open_image(Path(out)).read(Box.of_shape(SHAPE))[0], whole)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_units_of_another_model_do_not_count(home: Path, large: Path, tmp_path: Path) -> None:
    """The model is replaced by one of the same classes, while a prediction waits to go on."""
    out, done = tmp_path / "out.zarr", []

    def listen(event):
        if isinstance(event, Progress):
            done.append(event.fraction)

    with pytest.raises(Cancelled):
        cristae.predict(
            large,
            out,
            model="mito",
            workers=LocalWorkers(1),
            on_event=listen,
            should_stop=lambda: bool(done and done[-1] > 0.2),
        )
    add_model(home, "mito", seed=6)
    whole = cristae.predict(large, model="mito", engine="torch")
    cristae.predict(large, out, model="mito", workers=LocalWorkers(1))
    assert np.array_equal(labels_in(out), whole)


def test_what_one_process_began_is_not_lost_when_several_cannot_go_on(
    home: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 100_000)
    out, asked, told = tmp_path / "out.zarr", iter(range(1000)), []
    choices = {"model": "mito", "engine": "torch", "on_event": lambda event: told.append(str(event))}
    with pytest.raises(Cancelled):
        cristae.predict(large, out, should_stop=lambda: next(asked) >= 3, **choices)
    with pytest.raises(CristaeError, match="No Dask scheduler answers"):
        cristae.predict(large, out, workers=DaskWorkers("tcp://127.0.0.1:9"), **choices)
    cristae.predict(large, out, **choices)
    assert any("finished before the interruption" in sentence for sentence in told)


def order_for(home: Path, raw: Path, folder: Path, models: list[str]) -> tuple[Order, VolumeSpec]:
    """Return what the first of several processes asks of the others."""
    packages = [ModelLibrary(home / "models").get(name) for name in models]
    chosen = {"flips": False, "combine": "mean", "engine": "auto", "device": "cpu"}
    out, spec = folder / "out.zarr", VolumeSpec((1, *SHAPE), "uint8")
    order = order_of(raw, None, "", None, packages, Home.find(None), "labels", out, chosen)
    digest = load_models(packages, "cpu", combine="mean").digest
    spoken = json.dumps(spec_to_json(spec))
    return replace(order, digest=digest, out=str(folder / "volume"), spec=spoken, run="1"), spec


def test_after_the_end_of_a_run_nothing_is_written(home: Path, large: Path, tmp_path: Path) -> None:
    order, spec = order_for(home, large, tmp_path, ["mito"])
    (tmp_path / "run").write_text("2")
    with pytest.raises(Cancelled):
        predict_unit(order, next(iter(units.units_of(spec))))
    assert not (tmp_path / "volume").exists()


def test_a_unit_is_not_computed_with_another_model_or_code(home: Path, large: Path, tmp_path: Path) -> None:
    order, spec = order_for(home, large, tmp_path, ["mito"])
    order.mark.set()
    other = replace(order, digest=f"{order.digest} with the code of yesterday")
    with pytest.raises(InvalidInput, match="was replaced while it predicted"):
        predict_unit(other, next(iter(units.units_of(spec))))


@pytest.mark.parametrize("models", [["sections"], ["mito"], ["sections", "mito"]])
def test_a_process_measures_grey_values_once_for_all_of_its_units(
    home: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: list[str]
) -> None:
    add_model(home, "sections", normalisation="section", seed=6)
    whole = cristae.predict(large, model=models, engine="torch")
    order, spec = order_for(home, large, tmp_path, models)
    order.mark.set()
    read, found = [], np.zeros_like(whole)
    kind = type(open_image(large))
    reads = kind.read
    monkeypatch.setattr(kind, "read", lambda self, box: read.append(box) or reads(self, box))

    def write(folder: Path, spec: VolumeSpec, unit: Box, voxels: np.ndarray) -> None:
        found[unit.slices] = voxels[0]

    monkeypatch.setattr("cristae.volumes.writer.write_blocks", write)
    for unit in units.units_of(spec):
        predict_unit(order, unit)
    assert np.array_equal(found, whole)
    sections = [Box((z, 0, 0), (z + 1, *SHAPE[1:])) for z in range(SHAPE[0])]
    measured = {"sections": sections, "mito": sample(SHAPE)}
    assert {read.count(box) for name in models for box in measured[name]} == {1}


def test_a_process_that_dies_costs_its_units_only(tmp_path: Path) -> None:
    tasks = [(number, (number, str(tmp_path))) for number in range(12)]
    with Crew(LocalWorkers(2)) as crew:
        found = list(crew.results_of(unit_functions.dying_once, tasks, never))
    assert sorted(set(found)) == [(number, number) for number in range(12)]
    assert len(found) <= 12 + 4  # at most those that were under way are done again


def test_a_process_that_is_killed_while_it_answers_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    tasks = [(number, (number, str(tmp_path))) for number in range(12)]
    with Crew(LocalWorkers(2)) as crew:
        found = list(crew.results_of(unit_functions.killed_while_it_answers, tasks, never))
    assert (tmp_path / "killed").exists()
    assert sorted(found) == [(number, number) for number in range(12)]


def test_what_cannot_be_sent_from_a_process_is_an_error_not_a_death() -> None:
    with Crew(LocalWorkers(1)) as crew, pytest.raises(TypeError, match="cannot be sent to another process"):
        list(crew.results_of(unit_functions.unsendable, [(0, 7)], never))


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let torch see these, in this order."""
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: len(names))
    monkeypatch.setattr(
        devices.torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=names[number])
    )


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FileLock]]:
    """What this process would hold until it ends."""
    locks: list[FileLock] = []
    monkeypatch.setattr(devices, "_held", locks)
    yield locks
    for lock in locks:
        lock.release()


def test_processes_take_the_gpus_of_the_machine_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: list[FileLock]
) -> None:
    pretend_gpus(monkeypatch, "a", "b")
    claims = tmp_path / "claims"
    assert [devices.own_device("auto", claims) for _ in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices.own_device("cuda", claims) == "cuda:1"
    assert [devices.own_device(name, claims) for name in ("cuda:0", "cpu")] == ["cuda:0", "cpu"]
    held[1].release()  # as the system does it when a process dies: another one takes its place
    assert devices.own_device("auto", claims) == "cuda:1"
    assert devices.own_device("auto", claims) == "cuda:0"


@pytest.mark.usefixtures("held")
def test_a_worker_of_dask_cuda_and_a_job_of_slurm_take_the_gpu_that_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seen in ("ba", "ab", "ba", "b", "ab"):  # as CUDA_VISIBLE_DEVICES orders them, and leaves some out
        pretend_gpus(monkeypatch, *seen)
        assert devices.own_device("auto", tmp_path) == "cuda:0"
    pretend_gpus(monkeypatch, "b", "a")  # of both, b has three processes and a has two
    assert devices.own_device("auto", tmp_path) == "cuda:1"


def test_where_nobody_can_say_what_is_taken_the_first_gpu_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpus(monkeypatch, "a", "b")
    (tmp_path / "claims").touch()
    assert devices.own_device("auto", tmp_path / "claims") == "cuda:0"


def test_processes_that_die_again_and_again_are_given_up() -> None:
    with (
        Crew(LocalWorkers(1)) as crew,
        pytest.raises(CristaeError, match="Processes ended 5 times without a word"),
    ):
        list(crew.results_of(unit_functions.always_dying, [(0, 0)], never))


def test_processes_end_when_the_one_that_gives_them_work_is_killed(tmp_path: Path) -> None:
    code = (
        "import unit_functions, sys\n"
        "from cristae.door.workers import Crew, LocalWorkers\n"
        "tasks = [(number, 0.1) for number in range(10_000)]\n"
        "with Crew(LocalWorkers(2)) as crew:\n"
        "    for _ in crew.results_of(unit_functions.asleep, tasks, bool):\n"
        "        print('done', flush=True)\n"
    )
    places = [str(Path(unit_functions.__file__).parent), os.environ.get("PYTHONPATH", "")]
    place = {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, **place}
    ) as first:
        first.stdout.readline()
        others = psutil.Process(first.pid).children(recursive=True)
        first.kill()
    assert len(others) >= 2
    assert psutil.wait_procs(others, timeout=20)[1] == []


@pytest.mark.parametrize("is_asked_first", [False, True])
def test_a_scheduler_that_is_lost_is_told(is_asked_first: bool) -> None:
    """Its client cancels what it was asked to do; that it really does is seen in tests/faults."""

    class Lost:
        told = "the workers of tcp://there:8786"

        @contextmanager
        def open(self):
            with ThreadPoolExecutor(1) as pool:
                pool.submit = submit
                asked = iter([1, 1])
                yield pool, lambda: next(asked, None) or lost()

    def lost() -> int:
        raise ConnectionResetError(104, "Connection reset by peer")

    def submit(function, unit):
        future = Future()
        if not is_asked_first:
            future.cancel()
            future.set_running_or_notify_cancel()
        return future

    with pytest.raises(CristaeError, match="connection to the workers of tcp://there:8786 was lost"):
        list(Crew(Lost()).results_of(unit_functions.doubled, [(0, 1)], never))


def test_what_a_unit_refuses_is_told_as_it_is() -> None:
    with Crew(LocalWorkers(1)) as crew, pytest.raises(DiskFull, match="No space for 7"):
        list(crew.results_of(unit_functions.refusing, [(0, 7)], never))


def test_cancelling_does_not_wait_for_what_has_not_begun() -> None:
    start = time.monotonic()
    with Crew(LocalWorkers(1)) as crew, pytest.raises(Cancelled):
        list(crew.results_of(unit_functions.asleep, [(n, 0.5) for n in range(100)], lambda: True))
    assert time.monotonic() - start < 20


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


def test_the_workers_of_a_dask_scheduler_predict_the_same_though_one_is_killed(
    home: Path, large: Path, tmp_path: Path, cluster
) -> None:
    whole = cristae.predict(large, model="mito", engine="torch")
    victims = [worker.pid for worker in cluster.workers.values()]
    killed = []

    def listen(event):
        if isinstance(event, Progress) and not killed:
            killed.append(victims[0])
            psutil.Process(victims[0]).send_signal(signal.SIGKILL)

    out = tmp_path / "out.zarr"
    cristae.predict(large, out, model="mito", workers=DaskWorkers(cluster.scheduler_address), on_event=listen)
    assert killed
    assert np.array_equal(labels_in(out), whole)


def test_a_worker_of_dask_loads_only_what_it_needs_and_computes_with_its_threads(
    home: Path, large: Path, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    raw, out = tmp_path / "raw.zarr", tmp_path / "out.zarr"
    zarr.create_array(raw, data=tifffile.imread(large), chunks=(20, 100, 100))
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=3, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        cristae.predict(raw, out, model="mito", workers=DaskWorkers(cluster.scheduler_address))
        loaded = client.run(lambda: sorted(sys.modules))
        (threads,) = client.run(lambda: sys.modules["torch"].get_num_threads()).values()
    (names,) = loaded.values()
    assert {"scipy", "skimage", "tifffile", "h5py", "nibabel", "mrcfile", "tensorstore"} & set(names) == set()
    assert threads == 3  # OMP_NUM_THREADS is 1 there


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_jobs_of_slurm_are_asked_for_and_predict_the_same(
    home: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch system is dask-jobqueue's stand-in, which starts the script of a job as a process."""
    dask_jobqueue = pytest.importorskip("dask_jobqueue")
    from dask_jobqueue.local import LocalCluster

    made = []

    def slurm():
        made.append(LocalCluster(cores=1, processes=1, memory="4GB", scheduler_options={"dashboard": False}))
        return made[0]

    monkeypatch.setattr(dask_jobqueue, "SLURMCluster", slurm)
    whole = cristae.predict(large, model="mito", engine="torch")
    out = tmp_path / "out.zarr"
    cristae.predict(large, out, model="mito", workers=SlurmWorkers(2))
    assert np.array_equal(labels_in(out), whole)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_script_of_a_job_of_slurm_asks_for_what_the_documentation_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The script is that of dask-jobqueue's real class; only to submit it would take a SLURM."""
    dask_jobqueue, dask = pytest.importorskip("dask_jobqueue"), pytest.importorskip("dask")
    yaml = pytest.importorskip("yaml")
    document = (Path(__file__).parents[3] / "docs" / "remote.md").read_text(encoding="utf-8")
    written = yaml.safe_load(document.partition("```yaml\n")[2].partition("```")[0])
    scripts = []

    class Described(dask_jobqueue.SLURMCluster):
        def __init__(self) -> None:
            super().__init__(scheduler_options={"dashboard": False, "host": "127.0.0.1"})

        def scale(self, jobs: int) -> None:
            scripts.extend([self.job_script()] * jobs)

    monkeypatch.setattr(dask_jobqueue, "SLURMCluster", Described)
    own = {f"jobqueue.slurm.{name}": value for name, value in written["jobqueue"]["slurm"].items()}
    with dask.config.set(own), SlurmWorkers(1).open():
        pass
    (script,) = scripts
    asked = {line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")}
    assert {"-n 1", "--cpus-per-task=8", "--mem=30G", "-t 08:00:00", "--gres=gpu:1"} <= asked
    (command,) = [line for line in script.splitlines() if "distributed.cli.dask_worker" in line]
    # Of this environment, in which Cristae is installed; one process with all of the cores and the memory.
    assert command.startswith(f"{sys.executable} -m distributed.cli.dask_worker tcp://127.0.0.1:")
    assert "--nthreads 8" in command
    assert "--memory-limit 29.80GiB" in command


def test_what_several_processes_cannot_do_is_refused(home: Path, large: Path, tmp_path: Path) -> None:
    two = LocalWorkers(2)
    with pytest.raises(InvalidInput, match="give paths, not arrays"):
        cristae.predict(np.zeros(SHAPE, np.uint8), tmp_path / "out.zarr", model="mito", workers=two)
    with pytest.raises(InvalidInput, match="give paths, not arrays"):
        cristae.predict(large, model="mito", workers=two)
    with pytest.raises(CristaeError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        cristae.predict(large, tmp_path / "o.zarr", model="mito", workers=DaskWorkers("tcp://127.0.0.1:9"))
    assert not list(tmp_path.glob("*.zarr"))


@pytest.mark.parametrize("address", ["nowhere", "tcp://10.0.0.5", "8786", ":8786"])
def test_what_is_no_address_of_a_scheduler_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["predict", "raw.tif", "out.tif", "--model", "mito", "--scheduler", address])
    assert "is no address of a Dask scheduler" in capsys.readouterr().err
