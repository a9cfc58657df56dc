"""What several processes are worth: the time that a prediction takes, with a network that sleeps.

Since the network sleeps, workers sleep beside each other on any machine, and what keeps four from being four
times as quick as one is the program's own: starting them, giving them work, waiting for the last. Processes
of this machine (``--local-workers``) are timed with their start; those of a Dask cluster (``--scheduler``)
are there before, but have loaded nothing yet. All run one after the other, and each result must be that of
one process.

    python benchmarks/workers.py [--seconds 3]
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

from cristae.door.workers import DaskWorkers, LocalWorkers, Workers
from cristae.prediction.units import units_of
from cristae.volumes import VolumeSpec
from together.prepared import Subject, dask_cluster, environment, files_of, predict, prepare, unbroken

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "workers.md"
GOALS = {2: 0.6, 4: 0.35}
SHAPE = (64, 1024, 1024)


@contextmanager
def local_workers(count: int, _folder: Path) -> Iterator[Workers]:
    """Lend processes of this machine."""
    yield LocalWorkers(count)


@contextmanager
def dask_workers(count: int, folder: Path) -> Iterator[Workers]:
    """Start a Dask cluster, and lend its workers."""
    with dask_cluster(count, folder / "dask.txt") as cluster:
        yield DaskWorkers(cluster.address)


WAYS = {"processes of this machine": local_workers, "workers of a Dask cluster": dask_workers}


def predicted(subject: Subject, out: Path, workers: Workers | None) -> float:
    """Predict into an OME-Zarr and return the seconds that it took."""
    start_s = time.monotonic()
    predict(subject, out, workers)
    return time.monotonic() - start_s


def measure_time(folder: Path, seconds: float) -> dict[str, dict[int, float]]:
    """Return the seconds of each way and number of workers.

    A result unlike that of one process is an error.
    """
    subject = prepare(folder, SHAPE)
    whole = files_of(unbroken(subject, folder / "whole"))
    took_s: dict[str, dict[int, float]] = {way: {} for way in WAYS}
    with environment({"SLEEP_S": str(seconds)}):
        for way, workers_of in WAYS.items():
            for count in (1, *GOALS):
                place = folder / f"{count} {way}"
                place.mkdir()
                with workers_of(count, place) as workers:
                    took_s[way][count] = predicted(subject, place / "labels.zarr", workers)
                if files_of(place / "labels.zarr") != whole:
                    raise RuntimeError(f"{count} {way} predicted something else than one process.")
                print(f"{count} {way}: {took_s[way][count]:.1f} s, the same labels", flush=True)
    return took_s


def is_reached(took_s: dict[int, float], count: int) -> bool:
    """Whether so many workers were as quick as they should be."""
    return took_s[count] <= GOALS[count] * took_s[1]


def page(took_s: dict[str, dict[int, float]], seconds: float, units: int) -> str:
    """Return what was measured as a page."""
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    times = "\n".join(
        f"| {way} | {s[1]:.0f} s | {s[2]:.0f} s | {s[2] / s[1]:.2f} | {s[4]:.0f} s | {s[4] / s[1]:.2f} |"
        for way, s in took_s.items()
    )
    return f"""# Workers: what several processes are worth

Written by `benchmarks/workers.py --seconds {seconds:g}`. {machine},
dask.distributed {version("distributed")}. Shapes are z, y, x.

A network that sleeps {seconds:g} s for each tile, over {" x ".join(map(str, SHAPE))} voxels in
{units} units: seconds from the call to the finished OME-Zarr, and what that is of the time of one worker.
Every result was that of one process without workers, byte by byte. The goals: <= {GOALS[2]} with two workers,
<= {GOALS[4]} with four.

| who | one | two | ratio | four | ratio |
|---|---|---|---|---|---|
{times}
"""


def main() -> int:
    """Measure, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3, help="that the network sleeps for a tile")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took_s = measure_time(Path(folder), chosen.seconds)
    units = len(list(units_of(VolumeSpec((1, *SHAPE), "uint8"))))
    text = page(took_s, chosen.seconds, units)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if all(is_reached(took, count) for took in took_s.values() for count in GOALS) else 1


if __name__ == "__main__":
    raise SystemExit(main())
