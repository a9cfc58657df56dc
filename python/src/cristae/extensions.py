"""Losses, networks and augmentations that the owner of a home adds, in Python files of its folder extensions.

A file registers functions by name::

    import cristae
    from cristae.training.losses import Compared, cross_entropy, dice

    def mostly_dice(answers: Compared):
        return cross_entropy(answers) + 3 * dice(answers)

    cristae.register_loss("mostly_dice", mostly_dice)

The name can then be chosen (``--set loss=mostly_dice``). The files run only in a process that computes, and
only when a name is asked for that is none of Cristae's own; only the home's owner can put one there. A
process runs each file once. What a file said then is told by its digest: a training, a model and a prediction
that was interrupted remember it, so that they notice another one.
"""

import hashlib
import importlib.util
import inspect
import os
import re
import stat
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Literal

from cristae.errors import CristaeError, InvalidInput

type Kind = Literal["loss", "network", "augmentation"]

OWN_NAMES: Mapping[Kind, tuple[str, ...]] = {
    "loss": ("dice_ce", "dice", "ce", "focal", "tversky", "boundary"),
    "network": ("network", "forest"),
    "augmentation": ("none",),
}
"""What Cristae itself calls so; another thing cannot have the name."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class _Added:
    """What was registered, and the SHA-256 of its source; empty if no source can be found."""

    what: Any
    digest: str


class _Registry:
    """What was added in this process, by files of a folder and by other code."""

    def __init__(self) -> None:
        self.by_code: dict[Kind, dict[str, _Added]] = {kind: {} for kind in OWN_NAMES}
        self.by_files: dict[Kind, dict[str, _Added]] = {kind: {} for kind in OWN_NAMES}
        self.folder: Path | None = None
        self.files_ran = self.files_run_now = False
        self.digest_of_file = ""
        self.announced: Mapping[Kind, tuple[str, ...]] | str | None = None

    def all_of(self, kind: Kind) -> dict[str, _Added]:
        return {**self.by_code[kind], **self.by_files[kind]}


_registry = _Registry()


def register_loss(name: str, function: Callable[[Any], Any]) -> None:
    """Add a loss, to be chosen with ``--set loss=NAME``.

    Parameters
    ----------
    name
        Lower-case letters, digits and underscores.
    function
        Takes a :class:`cristae.training.losses.Compared`, the network's answers beside the truth, and returns
        one number, a tensor that can be differentiated. Voxels that are not known must not change it.

    Raises
    ------
    InvalidInput
        The name is taken, or none.
    """
    _register("loss", name, function)


def register_network(name: str, network: Callable[..., Any]) -> None:
    """Add a network, to be chosen with ``--set learner=NAME``.

    Parameters
    ----------
    name
        Lower-case letters, digits and underscores.
    network
        A class derived from ``torch.nn.Module``, called with `dims` (2 or 3), `in_channels`, `features` and
        `levels`; see :mod:`cristae.networks.added` for what it returns and must tell of itself.

    Raises
    ------
    InvalidInput
        The name is taken, or none.
    """
    _register("network", name, network)


def register_augmentation(name: str, function: Callable[..., Any]) -> None:
    """Add an augmentation, to be chosen with ``--set added_augmentation=NAME``; it comes after Cristae's own.

    Parameters
    ----------
    name
        Lower-case letters, digits and underscores.
    function
        Takes normalised images (n, c, [z,] y, x), float32, their labels (n, [z,] y, x), uint8 with 255 for
        unknown, and a ``torch.Generator`` on the CPU from which alone it draws. Returns images and labels of
        the same shapes.

    Raises
    ------
    InvalidInput
        The name is taken, or none.
    """
    _register("augmentation", name, function)


def use_extensions(folder: Path) -> None:
    """Say in which folder the files are; they run when a name is asked for that is none of Cristae's own."""
    if folder != _registry.folder:
        _registry.folder, _registry.files_ran = folder, False
        _registry.by_files = {kind: {} for kind in OWN_NAMES}


def announce(names: Mapping[str, Sequence[str]] | str) -> None:
    """Say which names there are in a process that does not compute, or why they are not known."""
    if isinstance(names, str):
        _registry.announced = names
    else:
        _registry.announced = {kind: tuple(names.get(kind, ())) for kind in OWN_NAMES}


def names_of(kind: Kind) -> tuple[str, ...]:
    """Return the names that were added, in order.

    Raises
    ------
    InvalidInput
        A file has an error; the sentence names the file, the line and the error.
    """
    if isinstance(_registry.announced, str):
        raise InvalidInput(_registry.announced)
    if _registry.announced is not None:
        return _registry.announced[kind]
    _run_files()
    return tuple(sorted(_registry.all_of(kind)))


def added(kind: Kind, name: str) -> Any:
    """Return what was registered by this name.

    Raises
    ------
    InvalidInput
        Nothing was, or a file has an error.
    """
    return _found(kind, name).what


def digest_of(kind: Kind, name: str) -> str:
    """Return the SHA-256 of the file that registered this name, 64 hex digits.

    For what other code registered it is that of the function or class itself, and empty where Python cannot
    find its source. Raises as :func:`added` does.
    """
    return _found(kind, name).digest


def _found(kind: Kind, name: str) -> _Added:
    _run_files()
    found = _registry.all_of(kind).get(name)
    if found is None:
        raise InvalidInput(
            f"The {kind} {name!r} is none of Cristae's own, and no file adds it. Put the file that does into "
            "the folder extensions of the home."
        )
    return found


def failure_told(error: BaseException, called: Callable[..., Any]) -> str:
    """Say where in the owner's file a call failed: file, line and error."""
    code = getattr(called, "__code__", None) or getattr(getattr(called, "__init__", None), "__code__", None)
    return _told(error, getattr(code, "co_filename", ""))


def _register(kind: Kind, name: str, what: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name for a {kind}: it has lower-case letters, digits and underscores, a letter "
            "first, 40 at most."
        )
    if name in OWN_NAMES[kind] or name in _registry.all_of(kind):
        raise InvalidInput(f"There is a {kind} {name!r} already. Choose another name.")
    if not callable(what):
        raise InvalidInput(f"What is registered as the {kind} {name!r} cannot be called.")
    if _registry.files_run_now:
        _registry.by_files[kind][name] = _Added(what, _registry.digest_of_file)
    else:
        _registry.by_code[kind][name] = _Added(what, _digest_of_code(what))


def _digest_of_code(what: Any) -> str:
    try:
        return hashlib.sha256(inspect.getsource(what).encode()).hexdigest()
    except (TypeError, OSError):  # an object that can be called, or typed at a prompt
        return ""


def _run_files() -> None:
    """Run every file of the folder, once; an error in one of them leaves none of them registered."""
    folder = _registry.folder
    if _registry.files_ran or _registry.files_run_now or folder is None or not folder.is_dir():
        return
    _registry.files_run_now = True
    try:
        _refuse_others_files(folder)
        broken = [told for path in sorted(folder.glob("*.py")) if (told := _broken(path)) is not None]
    finally:
        _registry.files_run_now = False
    if broken:
        _registry.by_files = {kind: {} for kind in OWN_NAMES}
        raise InvalidInput(" ".join(broken))
    _registry.files_ran = True


def _broken(path: Path) -> str | None:
    """Run a file, and say what is wrong with it: whoever mends one wants to know of the others too."""
    try:
        _refuse_others_files(path)
        _run(path)
    except InvalidInput as refused:
        return refused.sentence
    return None


class _AsItIsNow(SourceFileLoader):
    """Reads a file once, for its code and its digest; what Python compiled earlier might be of another."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        _registry.digest_of_file = hashlib.sha256(source).hexdigest()
        return self.source_to_code(source, self.path)


def _run(path: Path) -> None:
    name = f"cristae_extension_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItIsNow(name, str(path)))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - its name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for the module of their class there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InvalidInput(
            f"The extension {_told(error, str(path))} Mend the file, or take it out of the folder extensions "
            "of the home."
        ) from error


def _told(error: BaseException, file: str) -> str:
    """Return "mine.py, line 3: NameError: name 'x' is not defined."."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = frames[-1].lineno if frames else None
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, CristaeError):
        told = error.sentence
    elif isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno
        told = f"{type(error).__name__}: {error.msg}"
    return f"{Path(file).name}{f', line {line}' if line else ''}: {told.rstrip('.')}."


def _refuse_others_files(path: Path) -> None:
    """Run nothing that another user of the computer may have written."""
    if not hasattr(os, "getuid"):  # Windows keeps a user's folders from others by itself
        return
    about = path.stat()
    if about.st_uid not in (os.getuid(), 0) or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InvalidInput(
            f"{path.name} in the home may be written by other users of this computer, so it is not run. Make "
            f"it yours alone: chown it to you, and chmod go-w {path.name}."
        )
