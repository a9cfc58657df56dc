"""Results of jobs that are volumes: found again after a kill, and named for people."""

from pathlib import Path

from cristae.volumes import StoredVolume, VolumeStore
from cristae.volumes.durable import write_file_durably


class DigestNote:
    """Where a job notes the digest of its result, right before the volume appears under it.

    Parameters
    ----------
    folder
        Of the job.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "digest"

    def write(self, digest: str) -> None:
        """Note the digest, safe against a power cut."""
        write_file_durably(self._file, digest.encode())

    def sealed_before(self, store: VolumeStore) -> StoredVolume | None:
        """Return the result that an earlier attempt sealed, None if there is none."""
        if not self._file.exists():
            return None
        digest = self._file.read_text("ascii")
        return store.open(digest) if store.exists(digest) else None


def result_name(image: str, made_by: str, longest: int = 120) -> str:
    """Return the name of a result for people: the image's name, and that of a model or of what was done.

    Examples
    --------
    >>> result_name("stack.tif", "mito")
    'stack-mito.tif'
    """
    stem, dot, suffix = image.rpartition(".")
    if not dot or not stem:
        stem, suffix = image, ""
    ending = f"-{made_by}.{suffix}" if suffix else f"-{made_by}"
    return (stem or "image")[: max(1, longest - len(ending))] + ending[:longest]
