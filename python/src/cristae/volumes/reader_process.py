"""The process that opens files under a data root.

It is started as ``python -m cristae.volumes.reader_process ROOT BYTES PARENT``, with its parent's number.

It hears a line of JSON for each wish and answers with one, behind which voxels may follow:

=========================================  ==================================================================
``{"look": name}``                         ``{"images": [...]}``: what is in it, or why nothing can be read
``{"open": name, "key": key}``             ``{"number": n, "image": {...}, "state": ...}``
``{"state": name}``                        ``{"state": ...}``, as :func:`cristae.volumes.states.state_of`
``{"read": n, "start": zyx, "stop": zyx}``  ``{"bytes": count}`` and the voxels (c, z, y, x), native bytes
=========================================  ==================================================================

Before the first it says ``{"ready": true}``. What goes wrong is answered with ``{"code": ..., "sentence":
...}``. It may use ``BYTES`` of memory at most and write nothing into a file: a file that asks for more costs
this process its life, and nobody else's.
"""

import contextlib
import errno
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from cristae.errors import CristaeError, InvalidInput
from cristae.geometry import Box
from cristae.settings import size
from cristae.volumes.data_root import LISTED_FILES, DataRoot, can_be_said
from cristae.volumes.image import Doubt
from cristae.volumes.states import state_of

MAY_PASS = "MAY_PASS"  # noqa: S105 - a code
"""The code of what the disk or the system refused this time."""
_PASSING = (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
MOST_KEYS = 64
_MOST_NOTES = 16
_LONGEST_NOTE = 500
_LONGEST_TEXT = 2_000
_LONGEST_TRACE = 40
_PARENT_ASKED_EVERY_S = 1.0
_NOT_UNDERSTOOD = "It cannot be read: its metadata cannot be understood. Save it again in another program."


def main(words: list[str]) -> None:
    """Answer until nobody asks any more."""
    root, most_bytes = DataRoot(Path(words[0])), int(words[1])
    limit_this_process(most_bytes)
    ask, answer = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    # Before it is ready, for it takes seconds.
    import cristae.volumes.opening  # noqa: F401

    forget_pickle()
    threading.Thread(target=_end_with, args=(int(words[2]),), daemon=True).start()
    reading = _Reading(root)
    _send(answer, {"ready": True}, b"")
    while line := ask.readline():
        try:
            told, voxels = reading.answer(json.loads(line))
        except MemoryError:
            sentence = (
                f"To read it takes more than the {size(most_bytes)} of memory that a file under the data "
                "root may take. It is damaged, or its chunks are too large."
            )
            told, voxels = {"code": InvalidInput.code, "sentence": sentence}, b""
        except CristaeError as error:
            told, voxels = {"code": error.code, "sentence": error.sentence}, b""
        except OSError as error:
            words_of_it = error.strerror or type(error).__name__
            told, voxels = {"code": MAY_PASS, "sentence": f"It cannot be read: {words_of_it}."}, b""
        except Exception:  # Metadata of strangers makes the libraries, and us, trip over anything.
            told = {"code": InvalidInput.code, "sentence": _NOT_UNDERSTOOD, "trace": _trace()}
            voxels = b""
        _send(answer, sayable(without_paths(told, str(root.folder))), voxels)


def _end_with(parent: int) -> None:
    """End this process when its parent has gone, even while something is decoded.

    Windows does not tell; there it ends when nobody asks any more.
    """
    while sys.platform == "win32" or os.getppid() == parent:
        time.sleep(_PARENT_ASKED_EVERY_S)
    os._exit(1)


def without_paths(told: Any, folder: str) -> Any:
    """Return an answer whose texts do not name the folder: libraries like to tell where a file lies.

    Examples
    --------
    >>> without_paths({"sentence": "No chunk /data/a.zarr/0.", "notes": [7]}, "/data")
    {'sentence': 'No chunk a.zarr/0.', 'notes': [7]}
    """
    if isinstance(told, str):
        return told.replace(f"{folder}{os.sep}", "").replace(folder, "the data root")
    if isinstance(told, dict):
        return {key: without_paths(value, folder) for key, value in told.items()}
    if isinstance(told, list):
        return [without_paths(value, folder) for value in told]
    return told


def sayable(told: Any) -> Any:
    r"""Return an answer whose texts can travel: printable ones of bounded length.

    Files hold names in any encoding, or in none.

    Examples
    --------
    >>> sayable({"sentence": "No array a\udcff\n.", "notes": [7]})
    {'sentence': 'No array a??.', 'notes': [7]}
    """
    if isinstance(told, str):
        return "".join(letter if letter.isprintable() else "?" for letter in told[:_LONGEST_TEXT])
    if isinstance(told, dict):
        return {key: sayable(value) for key, value in told.items()}
    if isinstance(told, list):
        return [sayable(value) for value in told]
    return told


def forget_pickle() -> None:
    """Take the codec out of Zarr's that runs what a chunk says."""
    from numcodecs.registry import codec_registry  # type: ignore[import-untyped]

    codec_registry.pop("pickle", None)


def limit_this_process(most_bytes: int) -> None:
    """Let this process use so many bytes of memory at most, and write nothing into a file; not on Windows."""
    if sys.platform == "win32":
        return
    import resource

    for what, most in (
        # Not the address space: files are mapped, and a mapping of a terabyte is no use of memory.
        (resource.RLIMIT_DATA, most_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower limit stands already
            resource.setrlimit(what, (most, most))


def _send(answer: BinaryIO, told: dict[str, Any], voxels: bytes | memoryview) -> None:
    answer.write(json.dumps(told).encode() + b"\n")
    answer.write(voxels)
    answer.flush()


class _Reading:
    """Images that are open, by number."""

    def __init__(self, root: DataRoot) -> None:
        self._root = root
        self._open: list[Any] = []

    def answer(self, wish: dict[str, Any]) -> tuple[dict[str, Any], bytes | memoryview]:
        if "look" in wish:
            return {"images": self._look(wish["look"])}, b""
        if "state" in wish:
            return {"state": state_of(self._root.place(wish["state"]))}, b""
        if "open" in wish:
            # The state first: what changes later is noticed at the end.
            state = state_of(self._root.place(wish["open"]))
            source = self._opened(wish["open"], wish["key"], find_gaps=True)
            self._open.append(source)
            return {"number": len(self._open) - 1, "image": _about(source), "state": state}, b""
        box = Box(tuple(wish["start"]), tuple(wish["stop"]))
        voxels = self._open[wish["read"]].read(box)
        return {"bytes": voxels.nbytes}, memoryview(voxels).cast("B")

    def _opened(self, name: str, key: str, *, find_gaps: bool = False) -> Any:
        from cristae.volumes.import_hdf5 import Hdf5Image
        from cristae.volumes.import_tiff import TiffImage
        from cristae.volumes.opening import open_source

        place = self._root.place(name)
        source = open_source(place, key or None, find_gaps=find_gaps)
        if isinstance(source, TiffImage | Hdf5Image) and source.lies_in_several_files:
            raise _elsewhere(place)
        if source.dtype.kind not in "biuf":
            raise InvalidInput(f"{place.name} holds voxels of type {source.dtype}; numbers are needed.")
        return source

    def _look(self, name: str) -> list[dict[str, Any]]:
        from cristae.volumes.import_folder import SeveralPlanes
        from cristae.volumes.opening import images_in

        place = self._root.place(name)
        try:
            state_of(place, LISTED_FILES)  # refuses links
            every = images_in(place) or [""]
        except CristaeError as error:
            _raise_what_may_pass(error)
            return [{"key": "", "problem": error.sentence[:_LONGEST_NOTE]}]
        # HDF5 gives a name that is no UTF-8 as bytes, Python one of a file with lone surrogates.
        keys = [key for key in every if isinstance(key, str) and can_be_said(key)]
        found: list[dict[str, Any]] = []
        for key in keys[:MOST_KEYS]:
            try:
                found.append({"key": key, **_about(self._opened(name, key))})
            except SeveralPlanes:
                return []
            except CristaeError as error:
                _raise_what_may_pass(error)
                found.append({"key": key, "problem": error.sentence[:_LONGEST_NOTE]})
            except (ValueError, TypeError, KeyError, AttributeError):
                found.append({"key": key, "problem": _NOT_UNDERSTOOD, "trace": _trace()})
        notes = []
        if len(keys) > MOST_KEYS:
            notes.append(f"Only the first {MOST_KEYS} of {len(keys)} images in {place.name} are listed.")
        if len(keys) < len(every):
            notes.append(
                f"{len(every) - len(keys)} images in {place.name} were left out: their names are too long, "
                "or no plain text. Rename them."
            )
        if not found:
            return [{"key": "", "problem": notes[0]}]
        told_by = next((one for one in reversed(found) if "problem" not in one), found[-1])
        told_by["notes"] = [*told_by.get("notes", []), *notes]
        return found


def _raise_what_may_pass(error: CristaeError) -> None:
    """Raise what the disk or the system refused, if a file is called broken for nothing else."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in _PASSING:
        raise cause


def _trace() -> list[str]:
    return traceback.format_exc().splitlines()[-_LONGEST_TRACE:]


def _elsewhere(place: Path) -> InvalidInput:
    return InvalidInput(
        f"{place.name} says that its voxels lie in other files. Under a data root an image must lie whole "
        "where it is: save it as one file."
    )


def _about(source: Any) -> dict[str, Any]:
    size_of_voxel = source.voxel_size
    return {
        "shape_czyx": list(source.shape_czyx),
        "dtype": source.dtype.name,
        "voxel_size_nm": None if size_of_voxel is None else list(size_of_voxel.zyx_nm),
        "display_unit": "" if size_of_voxel is None else size_of_voxel.display_unit,
        "notes": [note[:_LONGEST_NOTE] for note in source.notes[:_MOST_NOTES]],
        "doubts": [isinstance(note, Doubt) for note in source.notes[:_MOST_NOTES]],
    }


if __name__ == "__main__":
    main(sys.argv[1:])
