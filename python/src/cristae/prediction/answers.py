"""What a network says of a volume, on disk until it has become a result: kept through interruptions."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cristae.errors import CorruptData
from cristae.geometry import Triple
from cristae.prediction.ensemble import Answering
from cristae.prediction.inside import Wanted, told_apart
from cristae.prediction.predictor import Kind
from cristae.volumes import Image, StoredVolume, VolumeSpec, VolumeWriter
from cristae.volumes.durable import fsync_folder, fsync_tree, write_file_durably
from cristae.volumes.records import read_record

NOTE, ANSWERS, LEDGER, UNITS = "work.json", "answers", "tiles.jsonl", "units.jsonl"
"""What lies in the folder: whose it is, what the network said, and which tiles of it, or units of several
processes, are finished."""


def work_of(
    predictor: Answering,
    image: Image,
    kind: Kind,
    channels: int,
    inside: Wanted | None,
    source: str,
    offset_zyx: Triple = (0, 0, 0),
) -> dict[str, Any]:
    """Return what is being predicted, as plain JSON values: answers to anything else do not count."""
    return {
        "source": source,
        "model": predictor.digest,
        "flips": predictor.flips,
        "kind": kind,
        "shape_czyx": [channels, *image.shape_czyx[1:]],
        "voxel_size_nm": None if image.voxel_size is None else list(image.voxel_size.zyx_nm),
        "inside_zyx": None if inside is None else told_apart(inside),
        "offset_zyx": list(offset_zyx),
    }


@contextmanager
def answers_folder(scratch: Path | None, work: Mapping[str, Any]) -> Iterator[Path]:
    """Lend a folder, without what another work left there, or a temporary one."""
    if scratch is None:
        with tempfile.TemporaryDirectory(prefix="cristae-") as temporary:
            yield Path(temporary)
        return
    if not is_of(scratch / NOTE, work):
        remove(scratch)
        scratch.mkdir(parents=True)
        write_file_durably(scratch / NOTE, json.dumps(work).encode())
    yield scratch


@contextmanager
def thrown_away_if_damaged(folder: Path) -> Iterator[None]:
    """See to it that answers that the disk has spoilt are computed anew by the next attempt."""
    try:
        yield
    except CorruptData:
        remove(folder)
        raise


def kept_answers(folder: Path, spec: VolumeSpec, run: Callable[[VolumeWriter, Path], None]) -> StoredVolume:
    """Return what the network says of the volume: of an earlier attempt, or computed now.

    Parameters
    ----------
    folder
        Of :func:`answers_folder`.
    spec
        The answers.
    run
        Writes them, and notes in the folder what is finished.
    """
    sealed, staged = folder / ANSWERS, folder / "staged"
    if sealed.exists():
        return StoredVolume(sealed)

    def publish(volume: Path, _digest: str) -> StoredVolume:
        fsync_tree(volume)
        volume.rename(sealed)
        fsync_folder(folder)
        return StoredVolume(sealed)

    resumed = (staged / "volume").exists()
    (staged / "volume").mkdir(parents=True, exist_ok=True)
    writer = VolumeWriter(staged, spec, publish, resumed=resumed)
    try:
        run(writer, folder)
        return writer.seal()
    finally:
        writer.close()


def is_of(note: Path, work: Mapping[str, Any]) -> bool:
    """Tell whether a note is there and names this work."""
    try:
        return bool(read_record(note) == work)
    except (CorruptData, OSError):
        return False


def remove(folder: Path) -> None:
    """Remove a folder if it is there; what stays would be taken for something else later."""
    if folder.exists():
        shutil.rmtree(folder)
