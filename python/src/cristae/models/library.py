"""The library: one folder of models, shared by the server, its workers and the command line.

    root/NAME/                     a model
    root/.ready/NAME/              a complete model on its way to root/NAME, while its predecessor moves away
    root/.replaced/NAME-CREATED/   predecessors, the newest three of each name
    root/.staging/UUID/            half-made; nobody looks in there

A model becomes visible by one rename, of the complete and synchronised folder into ``.ready``; whoever finds
it there may finish its way. So a kill at any moment leaves either the old or the new model, whole.
"""

import contextlib
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy.typing as npt

from cristae.errors import AlreadyExists, CorruptData, CristaeError, InvalidInput, NotFound
from cristae.locking import FileLock
from cristae.models.names import check_model_name
from cristae.models.package import ModelPackage, read_package, write_package
from cristae.volumes.durable import NOT_WRITABLE, check_free_space, fsync_folder, remove_folder

KEPT_PREDECESSORS = 3
STAGING_KEPT_S = 24 * 3600.0
LOCK_WAIT_S = 30.0

# Inside of the class, `list` is its method.
type Packages = list[ModelPackage]
type Names = list[str]
type Folders = list[Path]


class ModelLibrary:
    """The models of one home.

    Parameters
    ----------
    root
        The folder; it is made when the first model comes.

    Examples
    --------
    >>> import tempfile
    >>> ModelLibrary(Path(tempfile.gettempdir()) / "no such folder").list()
    []
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ready = root / ".ready"
        self._replaced = root / ".replaced"
        self._staging = root / ".staging"

    def list(self) -> "list[ModelPackage]":
        """Return the models that can be read, newest first."""
        return self.survey()[0]

    def unreadable(self) -> dict[str, str]:
        """Return what is wrong with each model that cannot be read, by name."""
        return self.survey()[1]

    def survey(self) -> tuple[Packages, dict[str, str]]:
        """Return what :meth:`list` and :meth:`unreadable` do, from one look."""
        found, wrong = [], {}
        for name in self.names():
            try:
                found.append(self.get(name))
            except CristaeError as failure:
                if (self.root / name).is_dir():  # else it was deleted just now
                    wrong[name] = failure.sentence
        return sorted(found, key=lambda model: (-model.created_s, model.name)), wrong

    def names(self) -> Names:
        """Return the names of all models in alphabetical order, damaged ones too."""
        folders = {
            folder.name
            for place in (self.root, self._ready)
            if place.is_dir()
            for folder in place.iterdir()
            if not folder.name.startswith(".") and folder.is_dir()
        }
        return sorted(folders)

    def get(self, name: str | Path) -> ModelPackage:
        """Return a model by its name, or a package anywhere by its path.

        Parameters
        ----------
        name
            A name is never taken for a path, so it may come from a client; a :class:`~pathlib.Path` is always
            one.

        Raises
        ------
        NotFound
            The sentence lists the names that are there.
        CorruptData, Unsupported
            If the package cannot be used.
        """
        if isinstance(name, Path):
            return read_package(name)
        check_model_name(name)
        place = self.root / name
        if not (self._ready / name).is_dir():
            with contextlib.suppress(NotFound, CorruptData):
                return _named_as_its_folder(read_package(place))
        # Perhaps it is being replaced just now, or a process died while it did that.
        settled = self._settled(name)
        if settled is not None:
            return _named_as_its_folder(settled)
        there = self.names()
        if not there:
            raise NotFound(f"There is no model {name!r}, nor any other yet: a training makes one.")
        shown = ", ".join(there[:20]) + (f" and {len(there) - 20} more" if len(there) > 20 else "")
        raise NotFound(f"There is no model {name!r}. There are: {shown}.")

    def find(self, name_or_path: str) -> ModelPackage:
        """Return what a person on this machine means: the model of that name, else the package at that path.

        Raises
        ------
        NotFound
            If it is neither.
        """
        path = Path(name_or_path).expanduser()
        if name_or_path not in self.names() and path.is_dir():
            return read_package(path)
        if path.is_absolute():
            raise NotFound(f"There is no model in {path}. Give the folder of a package, or a model's name.")
        return self.get(name_or_path)

    def find_by_job(self, job_id: str) -> ModelPackage | None:
        """Return the model that a job made, if it is here: a restarted job need not make it again."""
        return next((model for model in self.list() if model.record["job_id"] == job_id), None)

    def check_new_name(self, name: str) -> str:
        """Return the name if a model can be added by it, whether it is taken or not; ask before a training.

        Raises
        ------
        InvalidInput
            It is no name for a model.
        AlreadyExists
            If a name is there that differs in upper and lower case only: some file systems cannot hold both.
        """
        check_model_name(name)
        for other in self.names():
            if other != name and other.lower() == name.lower():
                raise AlreadyExists(
                    f"There is a model {other!r} already, which differs from {name!r} in upper and lower "
                    f"case only. Choose another name, or delete it first."
                )
        return name

    def add(
        self, record: Mapping[str, Any], weights: Mapping[str, npt.NDArray[Any]], preview: bytes = b""
    ) -> ModelPackage:
        """Put a model into the library; one of the same name moves to ``.replaced``.

        When this returns, the model survives a power cut. Until then, nobody sees any of it.

        Parameters
        ----------
        record
            As in :mod:`cristae.models.record`; `schema`, `weights_sha256`, `created_s`, `cristae_version` and
            `job_id` are filled in where they are absent.
        weights
            By their names in the network.
        preview
            A picture of places that the training held out, as a PNG; empty if there is none.

        Raises
        ------
        InvalidInput, AlreadyExists
            The name cannot be given; see :meth:`check_new_name`. Or the model has seen too little to take the
            place of another one.
        """
        name = self.check_new_name(str(record.get("name", "")))
        training = record.get("training", {})
        self.refuse_to_replace(name, training.get("steps"), training.get("fewest_steps", 0))
        for folder in (self.root, self._ready, self._replaced, self._staging):
            folder.mkdir(parents=True, exist_ok=True)
        self._remove_stale()
        check_free_space(self.root, sum(values.nbytes for values in weights.values()))
        staged = self._staging / uuid.uuid4().hex
        staged.mkdir()
        try:
            defaults = {"created_s": time.time(), "cristae_version": version("cristae"), "job_id": None}
            write_package(staged, {**defaults, **record}, weights, preview)
            fsync_folder(self._staging)
            with self._lock():
                self._finish(name)  # what a killed process may have left on its way
                _move(staged, self._ready / name)
                self._finish(name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return self.get(name)

    def refuse_to_replace(
        self, name: str, steps: int | None, fewest_steps: int, *, is_planned: bool = False
    ) -> None:
        """Keep a model from one that has hardly been trained.

        Parameters
        ----------
        name
            Of both models.
        steps
            That the training took, or is to take; None if nobody knows.
        fewest_steps
            That a model of these labels takes at least.
        is_planned
            Whether the training is still to come.

        Raises
        ------
        InvalidInput
            There is a model of this name, and the training is too short.
        """
        if steps is None or steps >= fewest_steps or name not in self.names():
            return
        took = f"{'would take' if is_planned else 'took'} {steps} step{'' if steps == 1 else 's'}"
        raise InvalidInput(
            f"The training {took}, and a model of these labels takes {fewest_steps} at least: '{name}' stays "
            "as it was. Give the training more time, or its model another name."
        )

    def delete(self, name: str) -> bool:
        """Delete a model and its predecessors; return whether it was there."""
        check_model_name(name)
        if not self.root.is_dir():
            return False
        self._staging.mkdir(exist_ok=True)
        with self._lock():
            for old in self._predecessors(name):
                remove_folder(old, self._staging)
            # In this order, so that the older one does not show up again in between.
            gone = remove_folder(self.root / name, self._staging)
            return remove_folder(self._ready / name, self._staging) or gone

    def _settled(self, name: str) -> ModelPackage | None:
        """Read a model while nobody can move it; None if there is none."""
        if not self.root.is_dir():
            return None
        place, ready = self.root / name, self._ready / name
        try:
            with self._lock():
                self._finish(name)
                return read_package(place) if place.is_dir() else None
        except OSError as error:
            if error.errno not in NOT_WRITABLE:
                raise
        # Whoever may only read a library finds the model where it is on its way.
        found = next((folder for folder in (ready, place) if folder.is_dir()), None)
        return None if found is None else read_package(found)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time move folders; that takes milliseconds."""
        lock = FileLock(self.root / ".lock", "Another process changes the library of models. Try again.")
        lock.acquire(LOCK_WAIT_S)
        try:
            yield
        finally:
            lock.release()

    def _finish(self, name: str) -> None:
        """Bring a complete model from ``.ready`` to its place, and its predecessor out of it."""
        ready, place = self._ready / name, self.root / name
        if not ready.is_dir():
            return
        if place.is_dir():
            created = max([int(time.time() * 1e6), *(_stamp(old) + 1 for old in self._predecessors(name))])
            _move(place, self._replaced / f"{name}-{created}")
        _move(ready, place)
        for old in self._predecessors(name)[KEPT_PREDECESSORS:]:
            shutil.rmtree(old, ignore_errors=True)

    def _predecessors(self, name: str) -> Folders:
        """Return the replaced models of a name, newest first."""
        if not self._replaced.is_dir():
            return []
        found = [
            folder
            for folder in self._replaced.iterdir()
            if folder.name.rpartition("-")[0] == name and folder.name.rpartition("-")[2].isdecimal()
        ]
        return sorted(found, key=_stamp, reverse=True)

    def _remove_stale(self) -> None:
        """Remove what killed processes left in staging, but nothing that someone may be writing now."""
        for folder in self._staging.iterdir():
            try:
                if time.time() - folder.stat().st_mtime > STAGING_KEPT_S:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue


def _named_as_its_folder(package: ModelPackage) -> ModelPackage:
    """Return the package under the name by which it is found: its folder may have been copied or renamed."""
    name = package.path.name
    return package if package.name == name else replace(package, record={**package.record, "name": name})


def _stamp(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _move(source: Path, target: Path) -> None:
    """Rename a folder durably."""
    source.rename(target)
    fsync_folder(target.parent)
    fsync_folder(source.parent)
