"""A prediction by several processes: units of the volume, each written once, noted when it is safe."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cristae.door.unit_work import Done, Order, predict_unit
from cristae.door.workers import Workers, results_of
from cristae.events import Event, Note, Progress
from cristae.networks import broken_told
from cristae.prediction.ledger import How, Ledger
from cristae.prediction.units import unit_shape, units_of
from cristae.volumes.output import ZarrOutput
from cristae.volumes.records import spec_to_json


def predict_units(
    order: Order,
    output: ZarrOutput,
    workers: Workers,
    ledger: Path,
    source: str,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> None:
    """Have all units of a result predicted that are not done yet; sealing it is for the caller.

    Parameters
    ----------
    order
        What is predicted, for the workers.
    output
        The result on its way.
    workers
        Who does it.
    ledger
        Notes which units are done.
    source
        Names the content of image, mask and models.
    on_event
        Gets progress and notes.
    should_stop
        Asked several times a second.
    """
    if not output.resumed:
        ledger.unlink(missing_ok=True)
    spec = output.spec
    units = list(enumerate(units_of(spec)))
    work = {"source": source, "kind": order.kind, "flips": order.flips, "combine": order.combine}
    work["spec"] = spec_to_json(spec)
    size = " x ".join(map(str, unit_shape(spec)))
    on_event(Note(f"Predicting by {workers.told}: {len(units)} units of {size} voxels (z, y, x)."))
    told: set[str] = set()
    with Ledger(ledger, work, How(unit_shape(spec), order.engine)) as notes:
        todo = [unit for unit in units if unit[0] not in notes.done]
        if len(todo) < len(units):
            done = len(units) - len(todo)
            on_event(Note(f"{done} of {len(units)} units were finished before the interruption."))
        bad_voxels, start_s = notes.bad_voxels, time.monotonic()
        for count, (number, result) in enumerate(
            results_of(workers, partial(predict_unit, order), todo, should_stop), 1
        ):
            notes.note(number, result.bad_voxels)
            bad_voxels += result.bad_voxels
            _tell_doubts(result, told, on_event)
            left_s = (time.monotonic() - start_s) / count * (len(todo) - count)
            done = len(units) - len(todo) + count
            on_event(Progress("Predicting", done / len(units), left_s, f"unit {done} of {len(units)}"))
    if bad_voxels:
        on_event(Note(broken_told(bad_voxels), is_warning=True))


def _tell_doubts(result: Done, told: set[str], on_event: Callable[[Event], None]) -> None:
    """Tell each doubt once, not for every unit."""
    for sentence in result.warnings:
        if sentence not in told:
            told.add(sentence)
            on_event(Note(sentence, is_warning=True))


def as_json(output: ZarrOutput) -> str:
    """Return what is written as text, for another process."""
    return json.dumps(spec_to_json(output.spec))
