"""A prediction by several processes: units of the volume, each written once, noted when it is safe."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from cristae.door.unit_work import Order, predict_unit
from cristae.door.workers import Workers, results_of
from cristae.events import Event, Note, Progress
from cristae.networks import broken_told
from cristae.prediction.ledger import How, Ledger
from cristae.prediction.units import unit_shape, units_of
from cristae.volumes.durable import write_file_durably
from cristae.volumes.output import ZarrOutput
from cristae.volumes.records import spec_to_json


def predict_units(
    order: Order,
    output: ZarrOutput,
    workers: Workers,
    ledger: Path,
    on_open: Callable[[], None],
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> None:
    """Have all units of a result predicted that are not done yet; sealing it is for the caller.

    Parameters
    ----------
    order
        What is predicted, still without the place that is written.
    output
        The result on its way.
    workers
        Who does it.
    ledger
        Notes which units are done.
    on_open
        Called when the workers are reached, before any of them writes.
    on_event
        Gets progress and notes.
    should_stop
        Asked several times a second.
    """
    if not output.resumed:
        ledger.unlink(missing_ok=True)
    spec = output.spec
    spoken = spec_to_json(spec)
    order = replace(
        order, out=str(output.folder.absolute()), spec=json.dumps(spoken), run=secrets.token_hex(16)
    )
    units = list(enumerate(units_of(spec)))
    size = " x ".join(map(str, unit_shape(spec)))

    def stopping() -> bool:
        if should_stop():
            order.mark.unlink(missing_ok=True)  # those that compute stop after their tile
            return True
        return False

    def begin(count: int) -> None:
        on_open()
        write_file_durably(order.mark, order.run.encode())
        there = "none is there yet, waiting" if count == 0 else f"{count} are there"
        on_event(
            Note(f"Predicting {len(units)} units of {size} voxels (z, y, x) by {workers.told}: {there}.")
        )

    with Ledger(ledger, _work(order), How(unit_shape(spec), order.engine)) as notes:
        todo = [unit for unit in units if unit[0] not in notes.done]
        if len(todo) < len(units):
            done = len(units) - len(todo)
            on_event(Note(f"{done} of {len(units)} units were finished before the interruption."))
        bad_voxels, start_s = notes.bad_voxels, time.monotonic()
        results = results_of(workers, partial(predict_unit, order), todo, stopping, begin)
        try:
            for count, (number, bad) in enumerate(results, 1):
                notes.note(number, bad)
                bad_voxels += bad
                left_s = (time.monotonic() - start_s) / count * (len(todo) - count)
                done = len(units) - len(todo) + count
                on_event(Progress("Predicting", done / len(units), left_s, f"unit {done} of {len(units)}"))
        finally:
            order.mark.unlink(missing_ok=True)  # whoever still computes writes nothing any more
            results.close()
    output.sweep()
    if bad_voxels:
        on_event(Note(broken_told(bad_voxels), is_warning=True))


def _work(order: Order) -> dict[str, object]:
    """Return what is predicted, without who does it: a ledger of other work does not count."""
    names = ("source", "digests", "kind", "flips", "combine", "voxel_size_nm", "spec")
    return {name: getattr(order, name) for name in names}
