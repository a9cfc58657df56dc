"""Who predicts the units of a volume: processes of this machine, a Dask cluster, or jobs of SLURM."""

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

from cristae.door.processes import ProcessDied, Processes
from cristae.errors import Cancelled, CristaeError, Unsupported

_UNITS_AHEAD = 2
"""For each worker: one that is computed and one that waits, so that nobody waits for the coordinator."""

_MOST_DEATHS = 5
_LOOK_EVERY_S = 0.3


class Workers(Protocol):
    """Some processes."""

    @property
    def told(self) -> str:
        """Who they are, in words."""

    @property
    def here(self) -> int:
        """How many of them share the memory of this machine, as far as is known."""

    def open(self) -> AbstractContextManager[tuple[Executor, Callable[[], int]]]:
        """Return a context with an executor, and what tells how many work for it now."""


class LocalWorkers:
    """Processes of this machine, each with its share of the threads; GPUs they take in turn.

    Parameters
    ----------
    count
        How many.
    """

    def __init__(self, count: int) -> None:
        self.count = self.here = count
        self.told = f"{count} process{'' if count == 1 else 'es'} of this machine"

    @contextmanager
    def open(self) -> Iterator[tuple[Executor, Callable[[], int]]]:
        """Start them; in the end it is waited for those that are at work."""
        threads = max(1, (os.cpu_count() or 1) // self.count)
        pool = Processes(self.count, threads)
        try:
            yield pool, lambda: self.count
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class DaskWorkers:
    """The workers of a Dask scheduler, which see the same files under the same paths.

    Parameters
    ----------
    address
        ``tcp://host:port`` or ``tls://host:port``.
    """

    def __init__(self, address: str) -> None:
        self.address, self.here = address, 0
        self.told = f"the workers of {address}"

    @contextmanager
    def open(self) -> Iterator[tuple[Executor, Callable[[], int]]]:
        """Connect to them."""
        distributed = _needed("distributed")
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # a sentence says it instead
        try:
            client = distributed.Client(self.address, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise CristaeError(
                f"No Dask scheduler answers at {self.address} ({str(error)[:200]}). Start it with `dask "
                "scheduler`, and workers with `dask worker` in the environment of Cristae."
            ) from error
        with client:
            yield client.get_executor(pure=False), lambda: len(client.nthreads())


class SlurmWorkers:
    """Jobs of SLURM, each a Dask worker, as ``jobqueue.yaml`` of Dask describes them.

    Parameters
    ----------
    jobs
        How many.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs, self.here = jobs, 0
        self.told = f"{jobs} job{'' if jobs == 1 else 's'} of SLURM"

    @contextmanager
    def open(self) -> Iterator[tuple[Executor, Callable[[], int]]]:
        """Submit the jobs; in the end they are given back."""
        jobqueue, distributed = _needed("dask_jobqueue"), _needed("distributed")
        try:
            cluster = jobqueue.SLURMCluster()
        except ValueError as error:
            raise CristaeError(
                f"The jobs of SLURM are not described ({str(error)[:200]}). Write cores and memory, and what "
                "your cluster wants else, into ~/.config/dask/jobqueue.yaml, under jobqueue: slurm:."
            ) from error
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            cluster.scale(jobs=self.jobs)
            yield client.get_executor(pure=False), lambda: len(client.nthreads())


def _needed(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise Unsupported(
            f"{name} is not installed here: pip install distributed dask-jobqueue. Without it there is "
            "--local-workers."
        ) from error


class Crew:
    """Workers that stay for several things, one after the other: they are opened when there is something.

    To be used in a ``with`` statement; in its end they go.

    Parameters
    ----------
    workers
        Who they are.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._opened = ExitStack()
        self._pool: tuple[Executor, Callable[[], int]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """Let them go, as there is nothing to do for a while: jobs of a cluster are not to be held idle."""
        self._pool = None
        self._opened.close()

    def _reached(self, on_open: Callable[[int], None]) -> tuple[Executor, Callable[[], int]]:
        if self._pool is None:
            self._pool = self._opened.enter_context(self.workers.open())
        on_open(self._pool[1]())
        return self._pool

    def _lost(self) -> CristaeError:
        return CristaeError(
            f"The connection to {self.workers.told} was lost. See whether the Dask scheduler still runs, and "
            "start it again if it does not."
        )

    def results_of[Unit, Result](
        self,
        function: Callable[[Unit], Result],
        units: Sequence[tuple[int, Unit]],
        should_stop: Callable[[], bool],
        on_open: Callable[[int], None] = lambda count: None,
        on_alone: Callable[[], None] = lambda: None,
    ) -> Generator[tuple[int, Result]]:
        """Have every unit done, a few at a time, and yield number and result of each as it is done.

        A worker that dies takes its units with it: they are done again, by others. Only when that happens
        again and again is it given up.

        Parameters
        ----------
        function
            Does a unit; workers import it by its name.
        units
            Each with its number.
        should_stop
            Asked several times a second.
        on_open
            Told how many workers are there, when they are reached and before any of them begins.
        on_alone
            Told when the last worker has gone; units wait for another one.

        Raises
        ------
        Cancelled
            `should_stop` said so.
        CristaeError
            A unit failed, the workers cannot be reached, or died again and again.
        """
        todo = deque(units)
        deaths, were_there = 0, False
        if not todo:
            return
        pool, count = self._reached(on_open)
        under_way: dict[Future[Result], tuple[int, Unit]] = {}
        while todo or under_way:
            if should_stop():
                raise Cancelled("The prediction was cancelled.")
            try:
                there = count()
            except OSError as error:
                raise self._lost() from error
            if were_there and not there:
                on_alone()
            were_there = there > 0
            while todo and len(under_way) < _UNITS_AHEAD * max(1, there):
                number, unit = todo.popleft()
                under_way[pool.submit(function, unit)] = number, unit
            for future in wait(under_way, _LOOK_EVERY_S, FIRST_COMPLETED).done:
                number, unit = under_way.pop(future)
                try:
                    result = future.result()
                except ProcessDied:
                    deaths += 1
                    if deaths >= max(_MOST_DEATHS, 2 * there):
                        raise CristaeError(
                            f"Processes ended {deaths} times without a word; perhaps the memory does not "
                            "suffice for so many. Start fewer of them."
                        ) from None
                    todo.appendleft((number, unit))
                except CancelledError as error:  # a lost scheduler takes with it all that was asked of it
                    raise self._lost() from error
                except Exception as error:
                    if not type(error).__module__.startswith("distributed"):
                        raise
                    raise CristaeError(
                        f"The Dask cluster gave up ({type(error).__name__}: {str(error)[:300]}). See the "
                        "logs of its workers; perhaps their memory does not suffice."
                    ) from error
                else:
                    yield number, result
