"""Images that a job found under the data root: what they were when it was submitted, and reading them."""

import hashlib
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from cristae.errors import InvalidInput, NotFound
from cristae.volumes.conversion import as_image
from cristae.volumes.data_root import Candidate, DataRoot
from cristae.volumes.image import Image
from cristae.volumes.reader import Reader
from cristae.volumes.store import VolumeStore


@dataclass(frozen=True)
class FoundVolume:
    """An image under the data root, frozen when a job was submitted.

    Attributes
    ----------
    volume_id
        The id under which the server listed it.
    name
        Where it lies under the data root, with slashes.
    key
        The array in it, "" if there is one only.
    state
        What :func:`state_of` said of all its files.
    """

    volume_id: str
    name: str
    key: str
    state: str

    @property
    def title(self) -> str:
        """What people call it."""
        return title_of(self.name.rpartition("/")[2], self.key)


class JobVolumes:
    """The volumes that a job reads: sealed ones, and those that were found under the data root.

    What was found is opened only if it is as it was when the job was submitted, and read in a process of its
    own (:mod:`cristae.volumes.reader`), which ends with the ``with`` block.

    Parameters
    ----------
    store
        The sealed volumes.
    root
        None if the server has no data root.
    found
        What the job needs from there.

    Raises
    ------
    NotFound
        Something was found under a data root, and there is none any more.
    """

    def __init__(self, store: VolumeStore, root: DataRoot | None, found: tuple[FoundVolume, ...]) -> None:
        self._store = store
        self._found = {one.volume_id: one for one in found}
        self._reader = None
        if root is not None:
            self._reader = Reader(root)
        elif found:
            raise NotFound(
                f"The image {found[0].title!r} lies under a data root, which this server has not. Its "
                "owner names one when starting it; or send the image."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that reads; it may take a second."""
        if self._reader is not None:
            self._reader.close()

    def glance(self, volume_id: str, title: str = "") -> Image:
        """Open one as its file has it, perhaps with a number type that is none of ours.

        Raises
        ------
        CristaeError
            It is gone, cannot be read, or was changed since.
        """
        found = self._found.get(volume_id)
        if found is None or self._reader is None:
            return self._store.open(volume_id, title)
        image = self._reader.open(found.name, found.key, title or found.title)
        _refuse_changed(found, image.state)
        return image

    def open(self, volume_id: str, title: str = "") -> Image:
        """Open one as `glance` does, with one of our number types: some are read once for that."""
        return as_image(self.glance(volume_id, title))

    def refuse_changed(self) -> None:
        """Raise InvalidInput if something found is not any more what it was when the job was submitted."""
        for found in self._found.values():
            assert self._reader is not None  # noqa: S101 - it would have been refused
            _refuse_changed(found, self._reader.state(found.name))


def _refuse_changed(found: FoundVolume, state: str) -> None:
    if state != found.state:
        raise InvalidInput(
            f"The image {found.title!r} under the data root was changed since the job was submitted (the "
            "size of a file, or its time of change, is another). List the images again, and submit a new job."
        )


def id_of(found: Candidate, key: str) -> str:
    """Return the id of an image under the data root: another one as soon as its files are changed.

    Examples
    --------
    >>> len(id_of(Candidate("a.tif", "file", "0" * 64), ""))
    64
    """
    told = json.dumps(["cristae.found.1", found.name, key, found.state])
    return hashlib.sha256(told.encode("ascii")).hexdigest()


def title_of(name: str, key: str) -> str:
    """Return what people call an array in a file under the data root.

    Examples
    --------
    >>> title_of("monday/cells.h5", "raw"), title_of("a.tif", "")
    ('monday/cells.h5:raw', 'a.tif')
    """
    return f"{name}:{key}" if key else name
