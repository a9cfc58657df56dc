"""Writing so that a crash, a full disk or a power cut leaves either the old or the new, never half of it.

The pattern is always the same: write beside the final place, fsync the files, fsync the folders, rename,
fsync the folder that got the new name.  A rename within one file system is atomic on every system that
Cristae runs on.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Buffer, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from pathlib import Path

from cristae.errors import AlreadyExists, CorruptData, DiskFull
from cristae.settings import size

FREE_BYTES_FLOOR = 2 * 1024**3
FREE_FRACTION_FLOOR = 0.05
_FSYNC_THREADS = 8
_FSYNC_AT_ONCE = 64 * _FSYNC_THREADS
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says to a user who may not write at a place."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
# Windows has neither; there, links need a privilege that ordinary users lack.
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def full_disk_told(file: Path | str | None = None) -> Iterator[None]:
    """Turn the system's "no space left", "file too large" and "read-only" into `DiskFull`.

    Parameters
    ----------
    file
        What is written: the system names no file when an open one finds no space.
    """
    try:
        yield
    except OSError as error:
        told = disk_failure(error, file)
        if told is not None:
            raise told from error
        raise


def disk_failure(error: OSError, file: Path | str | None = None) -> DiskFull | None:
    """Return what to tell if a disk takes nothing more; None for every other failure.

    Parameters
    ----------
    error
        What the system says.
    file
        What was being written, if the system does not name it.

    Examples
    --------
    >>> disk_failure(OSError(errno.EROFS, "Read-only file system")).code
    'DISK_FULL'
    >>> disk_failure(OSError(errno.EIO, "Input/output error"))
    """
    named = file if error.filename is None else os.fsdecode(error.filename)
    folder = None if named is None else Path(named).absolute().parent
    if error.errno in _FULL:
        return DiskFull("The disk is full. Free some space, then go on: nothing finished is lost.", folder)
    if error.errno == errno.EFBIG:
        return DiskFull(
            "The file grew larger than this disk, or this user, may hold one. Write it to another disk; an "
            "image may be a folder of many files (.ome.zarr).",
            folder,
        )
    if error.errno == errno.EROFS:  # after a fault, Linux goes on with a disk like that
        return DiskFull(
            "The disk may only be read now. Have it mended, then go on: nothing finished is lost.", folder
        )
    return None


def check_free_space(folder: Path, needed_bytes: int = 0, floor_bytes: int | None = None) -> None:
    """Refuse to go on when the disk would fall below its floor of free space.

    Parameters
    ----------
    folder
        Any folder on the disk.
    needed_bytes
        What is about to be written.
    floor_bytes
        What must stay free; by default 2 GiB or 5 % of the disk, whichever is less.
    """
    usage = shutil.disk_usage(folder)
    if floor_bytes is None:
        floor_bytes = min(FREE_BYTES_FLOOR, int(usage.total * FREE_FRACTION_FLOOR))
    if usage.free - needed_bytes < floor_bytes:
        needed = f"{size(needed_bytes)} are needed" if needed_bytes else ""
        kept = f"{size(floor_bytes)} must stay free" if floor_bytes else ""
        raise DiskFull(
            f"The disk has {size(usage.free)} left; {' and '.join(filter(None, (needed, kept)))}. Free some "
            "space, then go on: nothing finished is lost.",
            folder,
        )


def write_all(descriptor: int, data: Buffer) -> None:
    """Write every byte; the system may take fewer than it is given."""
    view = memoryview(data).cast("B")
    while len(view):
        view = view[os.write(descriptor, view) :]


def write_file(path: Path | str, *parts: Buffer) -> None:
    """Create or overwrite a file; it survives the end of this process, not a power cut."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_FOLLOW | _BINARY
    with full_disk_told(path):
        descriptor = os.open(path, flags, 0o666)
        try:
            for part in parts:
                write_all(descriptor, part)
        finally:
            os.close(descriptor)


def overwrite_file(path: Path | str, data: Buffer) -> None:
    """Write over the first bytes of a file that is there, without cutting it off in between."""
    with full_disk_told(path):
        descriptor = os.open(path, os.O_WRONLY | _NO_FOLLOW | _BINARY)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside a file's place, and rename what is written there: a reader sees the old or the new.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "table.csv"
    >>> with replacing(place) as temporary:
    ...     _ = temporary.write_text("id")
    >>> place.read_text()
    'id'
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def replace_file(path: Path, *parts: Buffer) -> None:
    """Write a file beside its place and rename it: a reader sees the old one or the new one."""
    with replacing(path) as temporary:
        write_file(temporary, *parts)


def write_file_durably(path: Path, data: Buffer) -> None:
    """Replace a file so that it is complete, old or new, also after a power cut.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_file_durably(place, b"kept")
    >>> place.read_bytes()
    b'kept'
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        write_file(temporary, data)
        fsync_file(temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def read_file(path: Path | str) -> bytes:
    """Return a whole file; a symbolic link in its place is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _BINARY)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise CorruptData(
                "A symbolic link stands where a file of Cristae should be; remove it."
            ) from error
        raise
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1)
        if len(data) == size:
            return data
        parts = [data]
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def fsync_file(path: Path | str) -> None:
    """Wait until the bytes of a file are on the disk."""
    # Windows flushes only what was opened for writing.
    with full_disk_told(path):
        descriptor = os.open(path, (os.O_RDWR if os.name == "nt" else os.O_RDONLY) | _BINARY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_folder(path: Path | str) -> None:
    """Wait until the names in a folder are on the disk; Windows sees to that itself."""
    if os.name != "nt":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_all(
    files: Iterable[Path | str], folders: Iterable[Path | str], *, may_be_gone: bool = False
) -> None:
    """Wait until the bytes of files, and the names in folders, are on the disk.

    Many at once: the disk then takes little longer for them than for one.
    """
    gone = (FileNotFoundError,) if may_be_gone else ()

    def fsync_what_is_there(path: Path | str) -> None:
        with contextlib.suppress(*gone):
            fsync_file(path)

    with ThreadPoolExecutor(_FSYNC_THREADS) as pool:
        for some_files in batched(files, _FSYNC_AT_ONCE):
            for _ in pool.map(fsync_what_is_there, some_files):
                pass  # Taking the results raises the first failure.
        for some_folders in batched(folders, _FSYNC_AT_ONCE):
            for _ in pool.map(fsync_folder, some_folders):
                pass


def fsync_tree(folder: Path) -> None:
    """Wait until everything below a folder, and the folder, is on the disk."""
    fsync_all(
        (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names),  # noqa: PTH118
        (parent for parent, _, _ in os.walk(folder)),
    )


def replace_folder_durably(staged: Path, final: Path) -> None:
    """Give a finished folder its final name, safe against power loss.

    Raises
    ------
    AlreadyExists
        The final name is taken; nothing was changed.
    """
    fsync_tree(staged)
    try:
        if os.path.lexists(final):
            raise FileExistsError  # A file or link would be replaced without a word.
        staged.rename(final)
    except OSError as error:
        if error.errno in (None, errno.EEXIST, errno.ENOTEMPTY, errno.EACCES) and os.path.lexists(final):
            raise AlreadyExists(f"{final.name} is there already.") from error
        raise
    fsync_folder(final.parent)
    if staged.parent != final.parent:
        fsync_folder(staged.parent)


DOOMED = "trash-"
"""Names of folders that are being deleted begin so; a killed process leaves them."""


def remove_folder(folder: Path, trash: Path) -> bool:
    """Remove a folder so that nobody ever sees half of it: rename it into `trash`, then delete it.

    Returns
    -------
    bool
        False if there was none.
    """
    doomed = doom_folder(folder, trash)
    if doomed is None:
        return False
    shutil.rmtree(doomed, ignore_errors=True)
    return True


def doom_folder(folder: Path, trash: Path) -> Path | None:
    """Take a folder out of sight, to be deleted by and by; return where it is, None if there was none."""
    doomed = trash / f"{DOOMED}{secrets.token_hex(8)}"
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return None
    fsync_folder(folder.parent)
    return doomed


def is_real_folder(path: Path) -> bool:
    """Tell whether a folder is there, and not a symbolic link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
