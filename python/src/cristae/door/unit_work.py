"""What each of several processes does of a prediction: units, one after the other."""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from multiprocessing import parent_process
from pathlib import Path
from tempfile import gettempdir
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from cristae.computing import prepare_to_compute
from cristae.errors import Cancelled, InvalidInput
from cristae.geometry import Box
from cristae.volumes.run_mark import RunMark

if TYPE_CHECKING:
    from cristae.models import ModelPackage
    from cristae.prediction import Answering
    from cristae.prediction.doubts import LookedAt
    from cristae.prediction.inside import Wanted
    from cristae.settings import Home
    from cristae.volumes import Image

RUN = "run"
"""The mark of a run, beside the blocks that it may write."""

CLAIMS = "cristae-gpus"
"""Begins the name of a folder of this machine that tells which GPUs are taken."""

_one_at_a_time = Lock()
"""A worker may have several threads, and there is one network in it."""


@dataclass(frozen=True)
class Order:
    """A prediction as another process can do it, perhaps on another machine with the same files.

    Parameters
    ----------
    raw, inside
        The image and, if there is one, the mask, by absolute path; or the box (z, y, x) that is predicted.
    source
        Names the content of both files.
    voxel_size_nm
        Instead of what the file says.
    models
        Packages, by absolute path.
    combine, flips, kind, engine, device
        As for :func:`cristae.predict`.
    extensions
        The folder with the owner's files.
    digest
        Names what the models compute with; see :class:`cristae.prediction.Predictor`.
    out
        The OME-Zarr group that is being written.
    spec
        The result, as plain JSON values.
    run
        Names this run: when another one has begun, or it has ended, nothing is written any more.
    """

    raw: str
    inside: str | Box | None
    source: str
    voxel_size_nm: tuple[float, float, float] | None
    models: tuple[str, ...]
    combine: Any
    flips: bool
    kind: Any
    engine: str
    device: str
    extensions: str
    digest: str = ""
    out: str = ""
    spec: str = ""
    run: str = ""

    @property
    def mark(self) -> RunMark:
        """What names the run, beside the blocks."""
        return RunMark(Path(self.out).with_name(RUN), self.run)


def order_of(
    raw: Any,
    inside: Any,
    source: str | None,
    voxel_size_nm: Sequence[float] | None,
    packages: "Sequence[ModelPackage]",
    home: "Home",
    kind: str,
    out: Any,
    chosen: "Mapping[str, Any]",
) -> Order:
    """Return what was asked for as an order, still without the digest and the place that is written.

    Raises
    ------
    InvalidInput
        Other processes could not do that.
    """
    is_box = isinstance(inside, Box)
    files = [raw] if inside is None or is_box else [raw, inside]
    if out is None or not all(isinstance(one, str | Path) for one in files):
        raise InvalidInput("Several processes predict a file into a file: give paths, not arrays.")
    engine = "torch" if chosen["engine"] == "auto" else chosen["engine"]  # all must take the same
    return Order(
        raw=str(Path(raw).absolute()),
        inside=inside if inside is None or is_box else str(Path(inside).absolute()),
        source=source or "",
        voxel_size_nm=None if voxel_size_nm is None else _three(voxel_size_nm),
        models=tuple(str(one.path.absolute()) for one in packages),
        extensions=str(home.extensions.absolute()),
        kind=kind,
        **{**chosen, "engine": engine},
    )


def _three(lengths: Sequence[float]) -> tuple[float, float, float]:
    z, y, x = (float(length) for length in lengths)
    return z, y, x


def prepare_process(threads: int) -> None:
    """Prepare a process of this machine, beside others, before it gets its first unit.

    Parameters
    ----------
    threads
        So many compute.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of them; the first one ends the run
    Thread(target=_end_with_the_first, daemon=True).start()
    prepare_to_compute()
    from cristae.prediction.devices import use_threads

    use_threads(threads)


def _end_with_the_first() -> None:
    """End with the process that hands out the units: when that is killed, nobody else says so."""
    first = parent_process()
    if first is not None:
        first.join()
        os._exit(1)


def predict_unit(order: Order, unit: Box) -> int:
    """Predict a unit and write its blocks; when this returns, they are safe against a power cut.

    Returns
    -------
    int
        How many of its voxels are no numbers.

    Raises
    ------
    Cancelled
        The run is over.
    """
    with _one_at_a_time:
        return _predict_unit(order, unit)


def _predict_unit(order: Order, unit: Box) -> int:
    prepare_to_compute()  # before torch is loaded: a worker of Dask has not been prepared by anybody
    from cristae.prediction import predict_tiles
    from cristae.prediction.units import PartInMemory
    from cristae.volumes.records import spec_from_json
    from cristae.volumes.writer import write_blocks

    image, inside, predictor, looked_at = _opened(replace(order, run=""))
    spec = spec_from_json(json.loads(order.spec))
    output = PartInMemory(spec.shape_czyx[0], unit)
    bad_voxels = predict_tiles(
        predictor,
        image,
        output,
        kind=order.kind,
        inside=inside,
        part=unit,
        looked_at=looked_at,
        should_stop=order.mark.is_over,
    )
    if order.mark.is_over():
        raise Cancelled("The prediction was cancelled.")
    write_blocks(Path(order.out), spec, unit, output.voxels)
    return bad_voxels


def _use_threads_of_dask() -> None:
    """Compute with the threads of this worker, if it is one of Dask, which sets OMP_NUM_THREADS to 1."""
    from cristae.prediction.devices import use_threads

    distributed = sys.modules.get("distributed")
    if distributed is not None:
        with suppress(ValueError):  # no worker
            use_threads(distributed.get_worker().state.nthreads)


@cache
def _device(name: str) -> str:
    """Return the device of this process; it stays the same for all orders."""
    from cristae.prediction.devices import own_device

    user = os.getuid() if hasattr(os, "getuid") else ""
    return own_device(name, Path(gettempdir()) / f"{CLAIMS}-{user}")


@lru_cache(maxsize=1)
def _opened(order: Order) -> "tuple[Image, Wanted | None, Answering, LookedAt]":
    """Open what all units of an order need, once in each process: it measures no grey values twice."""
    from cristae.door.sources import as_image, as_mask_of
    from cristae.extensions import use_extensions
    from cristae.models import read_package
    from cristae.prediction import load_models, tell_doubts

    _use_threads_of_dask()
    use_extensions(Path(order.extensions))
    # Which chunks are missing, the process that hands out the units has told.
    image = as_image(Path(order.raw), order.voxel_size_nm, find_gaps=False)
    inside: Wanted | None
    if isinstance(order.inside, str):
        inside = as_mask_of(Path(order.inside), order.voxel_size_nm, find_gaps=False)
    else:
        inside = order.inside
    packages = [read_package(Path(one)) for one in order.models]
    how = {"flips": order.flips, "combine": order.combine, "engine": order.engine}
    predictor = load_models(packages, _device(order.device), **how)
    if predictor.digest != order.digest:
        raise InvalidInput(
            "A model, or the file of an added network, was replaced while it predicted. Run the same command "
            "again: it begins anew, with the new one. Workers that were started by hand are started again "
            "before, so that they read the file."
        )
    # What is doubtful, the process that hands out the units has told.
    looked_at = tell_doubts(predictor, image, inside, lambda event: None, is_part=True)
    return image, inside, predictor, looked_at
