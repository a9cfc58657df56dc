"""The folder of a training: an interrupted one waits there until the same call comes again."""

import contextlib
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cristae.errors import Busy
from cristae.events import Event, Metrics, Note
from cristae.locking import FileLock
from cristae.models.previews import PREVIEW_FILE
from cristae.volumes.kinds import split_key

_ON_ARRAYS = "arrays-"


@contextlib.contextmanager
def training_folder(root: Path, sources: Sequence[Any], choices: Mapping[str, Any]) -> Iterator[Path]:
    """Lend a folder for checkpoints; it is emptied when the training has ended well, and kept otherwise.

    Parameters
    ----------
    root
        Holds the folders of all trainings.
    sources
        Paths or arrays, or lists of them. Only a training on paths can be told from another one later; the
        folder of one on arrays goes when that ends, however it does.
    choices
        Everything else that makes this training another one, plain JSON values.

    Raises
    ------
    Busy
        The same training runs in another process.
    """
    sources = [one for many in sources for one in (many if isinstance(many, list | tuple) else [many])]
    if not all(isinstance(source, str | Path) for source in sources):
        with _passing_folder(root) as folder:
            yield folder
        return
    name = f"train-{key([Path(source) for source in sources], choices)}"
    root.mkdir(parents=True, exist_ok=True)
    busy = "This very training is in use by the process {holder}; end that one first."
    with FileLock(root / f"{name}.lock", busy, passing=True):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            with contextlib.suppress(OSError):  # there are checkpoints in it, or it is gone
                folder.rmdir()


@contextlib.contextmanager
def _passing_folder(root: Path) -> Iterator[Path]:
    """Lend a folder to a training that nobody can go on with; those of killed ones are removed now."""
    for left in root.glob(f"{_ON_ARRAYS}*.lock"):
        with contextlib.suppress(Busy), FileLock(left, "", passing=True):
            shutil.rmtree(left.with_suffix(""), ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f"{_ON_ARRAYS}{uuid.uuid4().hex}"
    with FileLock(folder.with_suffix(".lock"), "", passing=True):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def showing_preview(on_event: Callable[[Event], None], folder: Path) -> Callable[[Event], None]:
    """Return `on_event`, which tells once where the preview lies meanwhile, as soon as there is one."""
    told = False

    def tell(event: Event) -> None:
        nonlocal told
        on_event(event)
        if isinstance(event, Metrics) and not told and (folder / PREVIEW_FILE).exists():
            told = True
            on_event(
                Note(
                    "What it makes of the part held out, kept up to date while it trains: "
                    f"{folder / PREVIEW_FILE}"
                )
            )

    return tell


def key(paths: Sequence[Path], choices: Mapping[str, Any]) -> str:
    """Name a training by its files and its choices: 16 hex digits.

    Examples
    --------
    >>> key([], {"seed": 0}) == key([], {"seed": 0}), key([], {"seed": 0}) == key([], {"seed": 1})
    (True, False)
    """
    text = json.dumps([[fingerprint(path) for path in paths], choices], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(source: Any, *others: Any) -> str | None:
    """Tell files from their other versions by path, size and time of change; None if one is no path."""
    if others:
        every = [fingerprint(one) for one in (source, *others)]
        return None if None in every else " and ".join(map(str, every))
    if not isinstance(source, str | Path):
        return None
    path, key_inside = split_key(Path(source))
    try:
        states = [_state(path)]
        # Voxels that change in a folder of slices or a Zarr do not change the folder's own time.
        if path.is_dir():
            states += sorted(_state(file) for file in path.rglob("*") if file.is_file())
    except OSError:  # not there: opening it says what is wrong
        return str(path.absolute())
    if len(states) == 1 and key_inside is None:
        return states[0]
    return hashlib.sha256(json.dumps([states, key_inside]).encode()).hexdigest()


def _state(path: Path) -> str:
    found = path.stat()
    return f"{path.absolute()} {found.st_size} {found.st_mtime_ns}"
