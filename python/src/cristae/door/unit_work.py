"""What each of several processes does of a prediction: units, one after the other."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cristae.computing import prepare_to_compute
from cristae.errors import InvalidInput
from cristae.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.synchronize import Event as StopEvent

    from cristae.models import ModelPackage
    from cristae.prediction import Answering
    from cristae.settings import Home
    from cristae.volumes import Image

_stop: "StopEvent | None" = None


@dataclass(frozen=True)
class Order:
    """A prediction as another process can do it, perhaps on another machine with the same files.

    Parameters
    ----------
    raw, inside
        The image and, if there is one, the mask, by absolute path.
    voxel_size_nm
        Instead of what the file says.
    models
        Packages, by absolute path.
    combine, flips, kind, engine, device
        As for :func:`cristae.predict`.
    extensions
        The folder with the owner's files.
    out
        The OME-Zarr group that is being written.
    spec
        The result, as plain JSON values.
    """

    raw: str
    inside: str | None
    voxel_size_nm: tuple[float, float, float] | None
    models: tuple[str, ...]
    combine: Any
    flips: bool
    kind: Any
    engine: str
    device: str
    extensions: str
    out: str
    spec: str


def order_of(
    raw: Any,
    inside: Any,
    voxel_size_nm: tuple[float, float, float] | None,
    packages: "Sequence[ModelPackage]",
    home: "Home",
    kind: str,
    out: Any,
    chosen: "Mapping[str, Any]",
) -> Order:
    """Return what was asked for as an order, still without the place that is written.

    Raises
    ------
    InvalidInput
        Other processes could not do that.
    """
    if kind == "instances":
        raise InvalidInput(
            "Objects are found in the memory of one process. Have several predict labels or probabilities."
        )
    if out is None or any(one is not None and not isinstance(one, str | Path) for one in (raw, inside)):
        raise InvalidInput("Several processes predict a file into a file: give paths, not arrays.")
    engine = "torch" if chosen["engine"] == "auto" else chosen["engine"]  # all must take the same
    return Order(
        raw=str(Path(raw).absolute()),
        inside=None if inside is None else str(Path(inside).absolute()),
        voxel_size_nm=voxel_size_nm,
        models=tuple(str(one.path.absolute()) for one in packages),
        extensions=str(home.extensions.absolute()),
        kind=kind,
        out="",
        spec="",
        **{**chosen, "engine": engine},
    )


@dataclass(frozen=True)
class Done:
    """What a unit gave: how many voxels of it are no numbers, and what is doubtful."""

    bad_voxels: int
    warnings: tuple[str, ...]


def prepare_process(threads: int, stop: "StopEvent") -> None:
    """Prepare a process of this machine, beside others, before it gets its first unit."""
    global _stop
    _stop = stop
    prepare_to_compute()
    from cristae.prediction.devices import use_threads

    use_threads(threads)


def predict_unit(order: Order, unit: Box) -> Done:
    """Predict a unit and write its blocks; when this returns, they are safe against a power cut."""
    import json

    from cristae.events import Event, Note
    from cristae.prediction import predict_tiles
    from cristae.prediction.units import PartInMemory
    from cristae.volumes.records import spec_from_json
    from cristae.volumes.writer import write_blocks

    image, inside, predictor = _opened(order)
    spec = spec_from_json(json.loads(order.spec))
    output = PartInMemory(spec.shape_czyx[0], unit)
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Note) and event.is_warning:
            warnings.append(event.sentence)

    bad_voxels = predict_tiles(
        predictor,
        image,
        output,
        kind=order.kind,
        inside=inside,
        part=unit,
        on_event=listen,
        should_stop=_stop.is_set if _stop is not None else lambda: False,
    )
    write_blocks(Path(order.out), spec, unit, output.voxels)
    return Done(bad_voxels, tuple(warnings))


@lru_cache(maxsize=1)
def _opened(order: Order) -> "tuple[Image, Image | None, Answering]":
    """Open what all units of an order need, once in each process."""
    from cristae.door.sources import as_image
    from cristae.extensions import use_extensions
    from cristae.models import read_package
    from cristae.prediction import load_models

    use_extensions(Path(order.extensions))
    image = as_image(Path(order.raw), order.voxel_size_nm)
    inside = None if order.inside is None else as_image(Path(order.inside))
    packages = [read_package(Path(one)) for one in order.models]
    return (
        image,
        inside,
        load_models(packages, order.device, flips=order.flips, combine=order.combine, engine=order.engine),
    )
