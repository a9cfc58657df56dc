"""Read ahead, compute, write behind: the device never waits for the disk, and memory stays bounded."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from cristae.errors import Cancelled

# One unit being computed, one read and one waiting to be written keep every stage busy; more would only cost
# memory.
DEPTH = 2


def run_pipeline[Unit, Read, Result](
    units: Iterable[Unit],
    *,
    read: Callable[[Unit], Read],
    compute: Callable[[Unit, Read], Result],
    write: Callable[[Unit, Result], None],
    should_stop: Callable[[], bool] = lambda: False,
    depth: int = DEPTH,
    readers: int = 1,
) -> None:
    """Carry every unit through ``read``, ``compute`` and ``write``, in order, the three side by side.

    ``read`` and ``write`` run on threads of their own, ``compute`` on the caller's. At most ``depth`` units,
    or as many as there are readers, are read ahead, and ``depth`` wait to be written.

    Parameters
    ----------
    units
        What is to be done; drawn lazily.
    read, compute, write
        The three stages.
    should_stop
        Asked before every unit.
    depth
        How many units may wait.
    readers
        How many threads read.

    Raises
    ------
    Cancelled
        If ``should_stop()`` said so; what was computed until then has been written.
    Exception
        What a stage raised, the first one; no further unit is begun, and behind a failed write none is
        written: who notes the last part of something may trust that the others are there.

    Examples
    --------
    >>> written = []
    >>> run_pipeline([1, 2, 3], read=lambda n: n * 10, compute=lambda n, ten: ten + n,
    ...              write=lambda n, result: written.append(result))
    >>> written
    [11, 22, 33]
    """
    waiting = iter(units)
    ahead: deque[tuple[Unit, Future[Read]]] = deque()
    behind: deque[Future[None]] = deque()
    has_failed = False

    def write_behind(unit: Unit, result: Result) -> None:
        nonlocal has_failed  # of one thread only
        if has_failed:
            return
        try:
            write(unit, result)
        except BaseException:
            has_failed = True
            raise

    with ThreadPoolExecutor(readers, "read-ahead") as reader, ThreadPoolExecutor(1, "write-behind") as writer:

        def read_ahead() -> None:
            while len(ahead) < max(depth, readers):
                for unit in waiting:
                    ahead.append((unit, reader.submit(read, unit)))
                    break
                else:
                    return

        try:
            read_ahead()
            while ahead:
                if should_stop():
                    raise Cancelled("The prediction was cancelled.")
                unit, reading = ahead.popleft()
                data = reading.result()
                del reading
                read_ahead()
                result = compute(unit, data)
                del data
                while len(behind) >= depth:
                    behind.popleft().result()
                behind.append(writer.submit(write_behind, unit, result))
                del result
            while behind:
                behind.popleft().result()
        finally:
            for _, reading in ahead:
                reading.cancel()
