"""Files that jobs made, read in parts: verified as a whole before the first part is sent."""

from pathlib import Path
from typing import BinaryIO

import google_crc32c

from cristae.errors import CorruptData, NotFound
from cristae.jobs.records import JobRecord, ResultFile
from cristae.service.status import BehindTheEnd
from cristae.settings import MIB

PART_BYTES = MIB


def file_of(job: JobRecord, name: str) -> ResultFile:
    """Return a file of a job by its name, or raise NotFound."""
    files = () if job.result is None else job.result.files
    found = next((file for file in files if file.name == name), None)
    if found is None:
        there = ", ".join(file.name for file in files)
        has = f"it has {there}" if there else "it has none" + ("" if job.state.is_end else " yet")
        raise NotFound(f"The job '{job.title}' has no file {name[:120]!r}; {has}.")
    return found


def opened_at(folder: Path, file: ResultFile, offset: int) -> BinaryIO:
    """Open a file at an offset, after all of it was found to be what the job wrote.

    Raises
    ------
    BehindTheEnd
        The offset lies behind the end of the file.
    CorruptData
        The disk damaged or lost the file.
    """
    if offset > file.size_bytes:
        raise BehindTheEnd(
            f"The file {file.name} has {file.size_bytes} bytes; it cannot be read from {offset}."
        )
    try:
        opened = (folder / file.name).open("rb")
    except FileNotFoundError:
        raise _damaged(file) from None
    if _read(opened) != (file.size_bytes, file.crc32c):
        opened.close()
        raise _damaged(file)
    opened.seek(offset)
    return opened


def _read(file: BinaryIO) -> tuple[int, int]:
    """Return the size and the checksum of a file."""
    size = checksum = 0
    while part := file.read(PART_BYTES):
        size, checksum = size + len(part), google_crc32c.extend(checksum, part)
    return size, checksum


def _damaged(file: ResultFile) -> CorruptData:
    return CorruptData(
        f"The file {file.name} is damaged or gone on the server's disk. Submit the job again under another "
        "id."
    )
