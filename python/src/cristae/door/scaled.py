"""A prediction by several processes: units of the volume, each written once, noted when it is safe."""

import json
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from cristae.door.unit_work import Order, predict_unit
from cristae.door.workers import Crew
from cristae.events import Event, Note, Progress
from cristae.geometry import Box
from cristae.networks import broken_told
from cristae.prediction.answers import LEDGER, UNITS
from cristae.prediction.inside import told_apart
from cristae.prediction.ledger import CHANGED_SINCE, How, Ledger, finished_tiles, forget_other
from cristae.prediction.predictor import Kind
from cristae.prediction.units import unit_shape, units_of
from cristae.volumes import VolumeSpec, VolumeWriter
from cristae.volumes.records import spec_to_json


class Blocks(Protocol):
    """A result on its way, into whose folder other processes write whole blocks."""

    @property
    def folder(self) -> Path:
        """The OME-Zarr group."""

    @property
    def spec(self) -> VolumeSpec:
        """What is written."""

    @property
    def resumed(self) -> bool:
        """Whether it still holds what an earlier attempt wrote."""

    def sweep(self) -> None:
        """Remove what is no whole block."""


class Helping:
    """What a crew does of the search for objects; see :class:`cristae.prediction.instances.Helpers`.

    Parameters
    ----------
    crew
        Who computes.
    order
        What is predicted, still without the place that is written.
    should_stop
        Asked several times a second.
    """

    def __init__(self, crew: Crew, order: Order, should_stop: Callable[[], bool]) -> None:
        self._crew, self._order, self._should_stop = crew, order, should_stop

    @property
    def at_once(self) -> int:
        """How many of them work in the memory of this machine."""
        return self._crew.workers.here

    def predict(
        self, kind: Kind, writer: VolumeWriter, folder: Path, on_event: Callable[[Event], None]
    ) -> None:
        """Have the network's answers written."""
        predict_units(
            replace(self._order, kind=kind),
            writer,
            self._crew,
            folder / UNITS,
            lambda: forget_other(folder / LEDGER, on_event),
            on_event,
            self._should_stop,
        )

    def hands[Unit, Result](
        self, function: Callable[[Unit], Result], units: Sequence[tuple[int, Unit]]
    ) -> Generator[tuple[int, Result]]:
        """Have something done for every unit."""
        return self._crew.results_of(function, units, self._should_stop)


def predict_units(
    order: Order,
    output: Blocks,
    crew: Crew,
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
    crew
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
            order.mark.clear()  # those that compute stop after their tile
            return True
        return False

    def begin(count: int) -> None:
        on_open()
        output.sweep()
        order.mark.set()
        there = {0: "none is there yet, waiting", 1: "1 is there"}.get(count, f"{count} are there")
        parts = "1 unit" if len(units) == 1 else f"{len(units)} units"
        on_event(Note(f"Predicting {parts} of {size} voxels (z, y, x) by {crew.workers.told}: {there}."))

    def alone() -> None:
        told = f"No worker is there any more ({crew.workers.told}): waiting for one."
        on_event(Note(told, is_warning=True))

    done_before = finished_tiles(ledger)
    with Ledger(ledger, _work(order), How(unit_shape(spec), order.engine)) as notes:
        if done_before and not notes.done:
            on_event(Note(CHANGED_SINCE))
        todo = [unit for unit in units if unit[0] not in notes.done]
        if len(todo) < len(units):
            done = len(units) - len(todo)
            was = "was" if done == 1 else "were"
            on_event(Note(f"{done} of {len(units)} units {was} finished before the interruption."))
        bad_voxels, start_s = notes.bad_voxels, time.monotonic()
        results = crew.results_of(partial(predict_unit, order), todo, stopping, begin, alone)
        try:
            for count, (number, bad) in enumerate(results, 1):
                notes.note(number, bad)
                bad_voxels += bad
                left_s = (time.monotonic() - start_s) / count * (len(todo) - count)
                done = len(units) - len(todo) + count
                on_event(Progress("Predicting", done / len(units), left_s, f"unit {done} of {len(units)}"))
        finally:
            order.mark.clear()  # whoever still computes writes nothing any more
            results.close()
    output.sweep()
    if bad_voxels:
        on_event(Note(broken_told(bad_voxels), is_warning=True))


def _work(order: Order) -> dict[str, object]:
    """Return what is predicted, without who does it: a ledger of other work does not count."""
    names = ("source", "digest", "kind", "flips", "combine", "voxel_size_nm", "spec")
    box = told_apart(order.inside) if isinstance(order.inside, Box) else None  # a mask is in the source
    return {**{name: getattr(order, name) for name in names}, "box_zyx": box}
