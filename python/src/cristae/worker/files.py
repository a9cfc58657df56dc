"""The files of a job: written aside, and seen all at once when they are complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c

from cristae.jobs.records import JobResult, ResultFile
from cristae.settings import MIB, Home
from cristae.volumes.durable import check_free_space, full_disk_told, replace_folder_durably


class JobFiles:
    """Where a job writes its files.

    Parameters
    ----------
    home
        Where jobs have their folders.
    job_id
        Which job.
    free_floor_bytes
        What must stay free on the disk; None for the default.

    Examples
    --------
    >>> import tempfile
    >>> files = JobFiles(Home(Path(tempfile.mkdtemp())), "job-1", 0)
    >>> with files.making():
    ...     _ = files.place("scores.csv").write_text("iou")
    >>> [(file.name, file.size_bytes) for file in files.made().files]
    [('scores.csv', 3)]
    """

    def __init__(self, home: Home, job_id: str, free_floor_bytes: int | None) -> None:
        self._final = home.job_files(job_id)
        self._staged = self._final.with_name("files.part")
        self._floor = free_floor_bytes

    @property
    def are_made(self) -> bool:
        """Whether this attempt or an earlier one has made them."""
        return self._final.is_dir()

    def made(self) -> JobResult:
        """Return the files that were made, as the result of the job."""
        return JobResult(files=tuple(_told(path) for path in sorted(self._final.iterdir())))

    @contextmanager
    def making(self) -> Iterator[None]:
        """Have files written; they appear at the end of the block, or none of them does.

        Raises
        ------
        DiskFull
            The disk has too little space, at the beginning or on the way.
        """
        self._discard()  # of an attempt that was killed
        with full_disk_told():
            self._staged.mkdir(mode=0o700, parents=True)
        try:
            yield
            with full_disk_told():
                check_free_space(self._staged, 0, self._floor)
                replace_folder_durably(self._staged, self._final)
        except BaseException:
            self._discard()
            raise

    def place(self, name: str) -> Path:
        """Return where a file is to be written, if the disk has room."""
        check_free_space(self._staged, 0, self._floor)
        return self._staged / name

    def _discard(self) -> None:
        shutil.rmtree(self._staged, ignore_errors=True)


def _told(path: Path) -> ResultFile:
    size, checksum = 0, 0
    with path.open("rb") as file:
        while part := file.read(MIB):
            size, checksum = size + len(part), google_crc32c.extend(checksum, part)
    return ResultFile(path.name, size, checksum)
