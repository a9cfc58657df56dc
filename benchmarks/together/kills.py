"""A prediction by several processes is killed at random moments, again and again, and must not show it.

At each moment one process gets SIGKILL: a worker, the main process (``cristae predict``), or the Dask
scheduler where there is one. What does not come back by itself is started again. In the end every block of
the result is compared with that of one process, byte by byte, and it is counted how often units were begun
again: not more often than some were under way when something was killed.
"""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cristae.prediction.answers import UNITS
from cristae.volumes.staging import staging_folder
from together.prepared import (
    MODEL,
    PATIENCE_S,
    Cluster,
    Subject,
    computing_children,
    dask_cluster,
    environment,
    files_of,
)

WORKERS = 2
LONGEST_WAIT_S = 12.0
"""Between a moment at which something is computed and the kill."""

_ORPHANS_END_WITHIN_S = 30


@dataclass
class Outcome:
    """What was killed, and what it cost.

    Attributes
    ----------
    kills
        How often each kind of process was killed.
    units
        Of the result.
    under_way
        Units that a worker had begun and that were not noted as done, added up over all kills.
    redone
        How often a unit was begun again.
    starts
        How often the command was given.
    is_same
        Whether every block of the result is that of an unbroken run, byte by byte.
    left
        Processes that go on computing for a main process that was killed.
    """

    kills: Counter[str] = field(default_factory=Counter)
    units: int = 0
    under_way: int = 0
    redone: int = 0
    starts: int = 0
    is_same: bool = False
    left: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether it is as it should be."""
        return self.is_same and self.redone <= self.under_way and self.left == 0


def survive(
    subject: Subject, folder: Path, whole: Path, *, moments: int, sleep_s: float, seed: int, by_dask: bool
) -> Outcome:
    """Kill something at so many random moments, and let the prediction come to its end.

    Parameters
    ----------
    subject
        What is predicted.
    folder
        An empty one, for the result and what the processes say.
    whole
        The result of an unbroken run, of the name ``labels.zarr``.
    moments
        How many kills.
    sleep_s
        How long a tile takes.
    seed
        Decides when, and who.
    by_dask
        Whether workers of a Dask scheduler predict it; else processes of the main one.
    """
    chance = random.Random(seed)  # noqa: S311
    begun = folder / "begun.txt"
    begun.touch()
    told = {"SLEEP_S": str(sleep_s), "SLEEP_LOG": str(begun), "CRISTAE_HOME": str(subject.home.root)}
    with ExitStack() as stack:
        stack.enter_context(environment(told))
        cluster = stack.enter_context(dask_cluster(WORKERS, folder / "dask.txt")) if by_dask else None
        prediction = stack.enter_context(Killable(subject, folder, begun, cluster))
        for _ in range(moments):
            prediction.go_on()
            time.sleep(chance.uniform(0, LONGEST_WAIT_S))
            prediction.strike(chance)
        prediction.come_to_its_end()
        outcome = prediction.outcome
        outcome.left = prediction.orphans()
    outcome.is_same = files_of(folder / whole.name) == files_of(whole)
    return outcome


class Killable:
    """A prediction that is killed, and started again."""

    def __init__(self, subject: Subject, folder: Path, begun: Path, cluster: Cluster | None) -> None:
        self._begun, self._cluster = begun, cluster
        self._out, self._said = folder / "labels.zarr", folder / "said.txt"
        words = ("--scheduler", cluster.address) if cluster else ("--local-workers", str(WORKERS))
        self._words = ["predict", str(subject.raw), str(self._out), "--model", MODEL, *words]
        self._main: subprocess.Popen[bytes] | None = None
        self._orphans: list[psutil.Process] = []
        self._seen = 0
        self._unit_of = subject.first_tiles()
        self.outcome = Outcome(units=len(self._unit_of))

    def __enter__(self) -> "Killable":
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._orphans, *(computing_children(self._main.pid) if self._main else ())):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self._main is not None:
            self._main.kill()
            self._main.wait()

    def go_on(self) -> None:
        """Start what is not there, and wait until a further tile is begun."""
        tiles, deadline_s = self._begun.stat().st_size, time.monotonic() + PATIENCE_S
        while self._begun.stat().st_size == tiles:
            if self._out.exists():
                raise RuntimeError("The prediction ended before all kills. Take fewer of them.")
            self._revive()
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"No tile was begun in {PATIENCE_S} s:\n{self._said.read_text()}")
            time.sleep(0.1)

    def _revive(self) -> None:
        if self._cluster is not None and not self._cluster.is_whole:
            self._cluster.start()
        if self._main is None or self._main.poll() is not None:
            self._start()

    def _start(self) -> None:
        self.outcome.starts += 1
        with self._said.open("ab") as said:
            command = [sys.executable, "-m", "cristae", *self._words]
            self._main = subprocess.Popen(command, stdout=said, stderr=said)

    def strike(self, chance: random.Random) -> None:
        """Kill one process."""
        done = self._done()
        own = computing_children(self._main.pid)
        workers = own if self._cluster is None else self._cluster.workers
        victims = {"main process": [psutil.Process(self._main.pid)], "worker": workers}
        if self._cluster is not None:
            victims["scheduler"] = [self._cluster.scheduler]
        kind = list(victims)[int(chance.random() * len(victims))]
        victim = victims[kind][int(chance.random() * len(victims[kind]))]
        with suppress(psutil.NoSuchProcess):
            victim.kill()
        if kind == "main process":
            self._main.wait()
            self._orphans += own
        self.outcome.kills[kind] += 1
        self.outcome.under_way += len(self._in_hand({worker.pid for worker in workers}) - done)
        told = f"{kind}, {len(done)} of {self.outcome.units} units done"
        print(f"kill {self.outcome.kills.total()}: {told}", flush=True)

    def _done(self) -> set[int]:
        """Return the units that are noted as done."""
        ledger = staging_folder(self._out) / UNITS
        lines = ledger.read_bytes().split(b"\n")[1:-1] if ledger.exists() else []
        return {json.loads(line)["done"] for line in lines}

    def _in_hand(self, workers: set[int]) -> set[int]:
        """Return the units that these have begun since the last kill, with the one that each had then."""
        begins = self._begins()
        last_then = {worker: unit for worker, unit in begins[: self._seen] if worker in workers}
        since = {unit for worker, unit in begins[self._seen :] if worker in workers}
        self._seen = len(begins)
        return since | set(last_then.values())

    def _begins(self) -> list[tuple[int, int]]:
        """Return which process began which unit, one after the other, as often as that was."""
        lines = (line.split() for line in self._begun.read_text().splitlines())
        tiles = ((int(worker), int(checksum)) for worker, checksum in lines)
        return [(worker, self._unit_of[tile]) for worker, tile in tiles if tile in self._unit_of]

    def come_to_its_end(self) -> None:
        """Let it finish."""
        self._revive()
        while self._main.wait() != 0:
            self._revive()
        begins = self._begins()
        self.outcome.redone = len(begins) - len({unit for _, unit in begins})

    def orphans(self) -> int:
        """Return how many processes still compute for a main process that is no more."""
        _, left = psutil.wait_procs(self._orphans, timeout=_ORPHANS_END_WITHIN_S)
        return len(left)
