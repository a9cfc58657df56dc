"""The folder of volumes: sealed ones under their digests, unfinished ones in staging.

::

    ROOT/volumes/DIGEST/      sealed: complete, verified, never changed; an OME-Zarr 0.5 image. One that the
                              disk damaged is replaced as a whole when the same volume is made again
    ROOT/staging/ID/          an upload or a result on its way; nobody but its writer looks inside

One process at a time writes an upload or a result (a lock on a file says so); any number may read what is
sealed.
"""

import contextlib
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from cristae.errors import (
    AlreadyExists,
    Busy,
    CorruptData,
    CristaeError,
    InvalidInput,
    LimitExceeded,
    NotFound,
)
from cristae.locking import FileLock
from cristae.volumes.blocks import block_shape_for
from cristae.volumes.damage import open_noting_damage, put_aside, put_back, sound_volume
from cristae.volumes.digest import check_digest
from cristae.volumes.durable import (
    DOOMED,
    check_free_space,
    doom_folder,
    fsync_folder,
    full_disk_told,
    is_real_folder,
    remove_folder,
    replace_folder_durably,
    write_file_durably,
)
from cristae.volumes.records import read_record, spec_from_json, spec_to_json
from cristae.volumes.spec import VolumeSpec
from cristae.volumes.stored import StoredVolume
from cristae.volumes.upload import RECORD as UPLOAD_RECORD
from cristae.volumes.upload import Upload, read_upload_record
from cristae.volumes.writer import DIGEST_NOTE, VolumeWriter

RESULT_RECORD = "result.json"
RESTING_S = 3600.0
"""An upload that got no block for so long makes room for another one when too many are open."""
_STAGING_ID = re.compile(r"[0-9a-f]{8,64}\Z")


class VolumeStore:
    """All volumes of one data folder.

    Parameters
    ----------
    root
        The data folder; made if it is not there.
    max_open_uploads
        Uploads that may be unfinished at the same time.
    free_floor_bytes
        What must stay free on the disk; by default 2 GiB or 5 % of it, whichever is less.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from cristae.geometry import Box
    >>> store = VolumeStore(Path(tempfile.mkdtemp()))
    >>> writer = store.create(VolumeSpec((1, 2, 3, 4), "uint8"))
    >>> writer.write(Box.of_shape((2, 3, 4)), np.ones((2, 3, 4), np.uint8))
    >>> volume = writer.seal()
    >>> int(store.open(volume.digest).read(Box.of_shape((2, 3, 4))).sum())
    24
    """

    def __init__(
        self, root: Path, *, max_open_uploads: int = 64, free_floor_bytes: int | None = None
    ) -> None:
        root = Path(root)
        self.volumes, self.staging = root / "volumes", root / "staging"
        for folder in (root, self.volumes, self.staging):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for replaced in put_back(self.volumes):
            doom_folder(replaced, self.staging)
        self._max_open_uploads = max_open_uploads
        self._floor = free_floor_bytes
        self._lock = threading.RLock()
        self._uploads: dict[str, Upload] = {}

    def open(self, digest: str, name: str = "") -> StoredVolume:
        """Open a sealed volume under a name for people; else under the one that its voxels came with first.

        Raises
        ------
        NotFound
            There is none.
        CorruptData
            Its metadata is damaged.
        """
        return open_noting_damage(self.volumes / check_digest(digest), name)

    def exists(self, digest: str) -> bool:
        """Tell whether there is a sealed volume of this digest."""
        return is_real_folder(self.volumes / check_digest(digest))

    def list(self) -> list[StoredVolume]:
        """Return all sealed volumes, newest first, without those whose metadata is damaged."""
        return sealed_volumes(self.volumes)

    def delete(self, digest: str) -> bool:
        """Delete a sealed volume; returns False if there was none."""
        return remove_folder(self.volumes / check_digest(digest), self.staging)

    def open_upload(self, spec: VolumeSpec, digest: str) -> Upload | StoredVolume:
        """Open an upload, go on with an unfinished one, or return the volume if it is there.

        A volume of which a read has found a chunk damaged, or whose metadata is damaged, counts as not there:
        it is sent anew, and what arrives replaces it.

        Raises
        ------
        InvalidInput
            The block shape is not by the rule of the contract, or the digest is no digest.
        LimitExceeded
            Too many uploads are open.
        DiskFull
            There is no space for it.
        """
        check_digest(digest)
        rule = block_shape_for(spec.shape_czyx, spec.itemsize)
        if spec.block_shape_czyx != rule:
            raise InvalidInput(
                f"Blocks of {spec.block_shape_czyx} (c, z, y, x) were announced, but the contract asks for "
                f"{rule} for this shape; update the program that sends."
            )
        with self._lock:
            sound = sound_volume(self.volumes / digest)
            if sound is not None:
                return sound
            open_ids = []
            for folder in self._staged(UPLOAD_RECORD):
                try:
                    staged_spec, staged_digest = read_upload_record(folder)
                except CristaeError:
                    continue
                if not (folder / "volume").is_dir():
                    continue  # Sealed before; kept so that sealing again answers the same.
                if staged_digest == digest and staged_spec.shape_czyx == spec.shape_czyx:
                    return self.upload(folder.name)
                open_ids.append(folder.name)
            while len(open_ids) >= self._max_open_uploads:
                # Nobody can drop an upload that was given up: the one that rests longest makes room, and the
                # next sweep deletes it.
                oldest = max(open_ids, key=self._idle_s)
                if self._idle_s(oldest) < RESTING_S or not self._doom_unheld(oldest):
                    raise LimitExceeded(
                        f"{len(open_ids)} uploads are under way, which is the limit of this server; wait "
                        "until one of them is complete."
                    )
                open_ids.remove(oldest)
            check_free_space(self.staging, spec.blocks.total_bytes, self._floor)
            folder = self.staging / secrets.token_hex(16)
            self._start(folder, UPLOAD_RECORD, {"digest": digest, "spec": spec_to_json(spec)})
            return self.upload(folder.name)

    def upload(self, upload_id: str) -> Upload:
        """Return an open upload; every caller in this process gets the same object.

        Raises
        ------
        NotFound
            There is no such upload.
        Busy
            Another process writes it.
        """
        with self._lock:
            upload = self._uploads.get(upload_id)
            if upload is not None and upload.is_open:
                return upload
            self._uploads.pop(upload_id, None)
            folder = self._staging_folder(upload_id)
            gone = NotFound("There is no such upload; open it again to learn whether it is sealed.")
            if not (folder / UPLOAD_RECORD).is_file():
                raise gone
            sealed = None
            if not (folder / "volume").is_dir():
                digest = read_upload_record(folder)[1]
                if not self.exists(digest):
                    raise gone
                sealed = self.open(digest)
            with full_disk_told():
                upload = Upload(folder, self._publish, sealed=sealed, free_floor_bytes=self._floor)
            self._uploads[upload_id] = upload
            return upload

    def create(self, spec: VolumeSpec, *, staging_id: str | None = None) -> VolumeWriter:
        """Start a result, or go on with the one that an earlier process left under this id.

        Parameters
        ----------
        spec
            What will be written.
        staging_id
            8 to 64 hex digits, for example of the job; by default a new one.

        Raises
        ------
        InvalidInput
            A result of another shape, type or block grid has this id.
        Busy
            Another process writes it.
        """
        folder = self._staging_folder(staging_id or secrets.token_hex(16))
        resumed = (folder / RESULT_RECORD).is_file()
        if not resumed:
            check_free_space(self.staging, 0, self._floor)
            self._start(folder, RESULT_RECORD, {"spec": spec_to_json(spec)})
        elif staged_spec(folder) != spec:
            raise InvalidInput("A result of another shape or type was begun under this id; use a new id.")
        sealed = None
        if not (folder / "volume").is_dir():
            sealed = self._sealed_before(folder)
            resumed = sealed is not None
        return VolumeWriter(
            folder, spec, self._publish, resumed=resumed, sealed=sealed, free_floor_bytes=self._floor
        )

    def discard(self, staging_id: str) -> bool:
        """Throw away an unfinished result whose process has ended; returns False if there was none."""
        return remove_folder(self._staging_folder(staging_id), self.staging)

    def rename_staged(self, staging_id: str, new_id: str) -> bool:
        """Give an unfinished result whose process has ended another id; returns False if there was none."""
        try:
            self._staging_folder(staging_id).rename(self._staging_folder(new_id))
        except FileNotFoundError:
            return False
        fsync_folder(self.staging)
        return True

    def remove_stale(self, older_than_s: float, keep: Collection[str] = ()) -> int:
        """Delete what no process holds and nobody touched for so long; return how many.

        What a process that was killed had begun to delete goes at once. Ids in `keep` stay.
        """
        doomed = [folder for folder in self.staging.glob(f"{DOOMED}*") if is_real_folder(folder)]
        removed: list[Path] = []
        with self._lock:
            for folder in list(self.staging.iterdir()):
                if folder.name in keep or folder.name.startswith(DOOMED) or not is_real_folder(folder):
                    continue
                if self._idle_s(folder.name) >= older_than_s:
                    removed += self._doom_unheld(folder.name)
        # Outside of the lock: to delete a large volume takes minutes, in which uploads must go on.
        for folder in doomed + removed:
            shutil.rmtree(folder, ignore_errors=True)
        return len(removed)

    def _idle_s(self, staging_id: str) -> float:
        upload = self._uploads.get(staging_id)
        if upload is not None:
            return upload.idle_s  # the clock of the computer may be set while an upload is under way
        return time.time() - _last_change_s(self.staging / staging_id)

    def _doom_unheld(self, staging_id: str) -> tuple[Path, ...]:
        """Take out of sight what lies in staging under this id unless another process holds it."""
        upload = self._uploads.pop(staging_id, None)
        if upload is not None:
            upload.close()
        folder = self.staging / staging_id
        try:
            FileLock(folder / "lock", "").acquire().release()
        except Busy:
            return ()
        doomed = doom_folder(folder, self.staging)
        return () if doomed is None else (doomed,)

    def _publish(self, staged: Path, digest: str) -> StoredVolume:
        """Give a finished folder its digest as name; one that is there already is as good unless damaged."""
        final, aside = self.volumes / digest, None
        while True:
            try:
                replace_folder_durably(staged, final)
            except AlreadyExists:
                if sound_volume(final) is None:
                    aside = put_aside(final, self.staging)
                    continue
                remove_folder(staged, self.staging)
            if aside is not None:
                remove_folder(aside, self.staging)
            return self.open(digest)

    def _sealed_before(self, folder: Path) -> StoredVolume | None:
        """Return the volume that a process sealed just before it was killed, if it is still there."""
        try:
            digest = check_digest((folder / DIGEST_NOTE).read_text())
        except (OSError, ValueError, InvalidInput):
            return None
        return sound_volume(self.volumes / digest)

    def _start(self, folder: Path, record: str, content: dict[str, object]) -> None:
        with full_disk_told():
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / "volume").mkdir(exist_ok=True)
            write_file_durably(folder / record, json.dumps(content).encode())
            fsync_folder(self.staging)

    def _staging_folder(self, staging_id: str) -> Path:
        if not _STAGING_ID.match(staging_id):
            raise InvalidInput("An unfinished upload or result is named by 8 to 64 hex digits.")
        folder = self.staging / staging_id
        if folder.is_symlink():
            raise CorruptData("A symbolic link stands where a staging folder should be; remove it.")
        return folder

    def _staged(self, record: str) -> Iterator[Path]:
        """Yield the staging folders of one kind that are not finished."""
        for folder in self.staging.iterdir():
            if _STAGING_ID.match(folder.name) and is_real_folder(folder) and (folder / record).is_file():
                yield folder


def sealed_volumes(folder: Path) -> list[StoredVolume]:
    """Return the sealed volumes of a store, newest first; nothing is made or written.

    Parameters
    ----------
    folder
        The store's folder of volumes; it need not be there.

    Examples
    --------
    >>> sealed_volumes(Path("no such folder"))
    []
    """
    found = []
    for place in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(CristaeError):
            found.append(open_noting_damage(folder / check_digest(place.name)))
    return sorted(found, key=lambda volume: (-volume.created_s, volume.digest))


def staged_spec(folder: Path) -> VolumeSpec:
    """Return what a result in staging is."""
    try:
        return spec_from_json(read_record(folder / RESULT_RECORD)["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptData("The note of an unfinished result is damaged; start it again.") from error


def _last_change_s(folder: Path) -> float:
    try:
        return max(entry.stat(follow_symlinks=False).st_mtime for entry in [folder, *folder.iterdir()])
    except FileNotFoundError:  # its owner is just finishing it
        return time.time()
