"""Where Cristae keeps its things, and how much it takes.

Examples
--------
>>> Home(Path("data")).models.as_posix()
'data/models'
>>> Limits().max_block_bytes
2097152
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from cristae.errors import InvalidInput

MIB = 1024 * 1024
GIB = 1024 * MIB

API_VERSION = 1
OLDEST_API_VERSION = 1


@dataclass(frozen=True)
class Home:
    """The folder of everything of one owner: volumes, models, jobs, token, the running server's address.

    Parameters
    ----------
    root
        The folder; it is made when the first thing is written, and only its owner may look into it.
    """

    root: Path

    @classmethod
    def find(cls, chosen: str | Path | None = None) -> "Home":
        r"""Return the home that was chosen, else CRISTAE_HOME, else the platform's folder for a user's data.

        That is ``$XDG_DATA_HOME/cristae`` or ``~/.local/share/cristae`` on Linux, ``~/Library/Application
        Support/cristae`` on macOS and ``%LOCALAPPDATA%\cristae\cristae`` on Windows.
        """
        named = chosen or os.environ.get("CRISTAE_HOME") or platformdirs.user_data_dir("cristae")
        return cls(Path(named).expanduser().absolute())

    def checked(self) -> "Home":
        """Return this home, if it is a folder that can be read, or nothing yet.

        Raises
        ------
        InvalidInput
            It is a file, the root of the disk, or may not be read by this user.
        """
        advice = "Choose another home folder, or set CRISTAE_HOME to one."
        if self.root == Path(self.root.anchor):
            raise InvalidInput(
                f"The home {self.root} is the root of the disk, not a folder for data. {advice}"
            )
        try:
            with os.scandir(self.root):
                pass
        except (FileNotFoundError, NotADirectoryError) as error:
            # Windows calls what lies below a file not there.
            if not any(place.is_file() for place in (self.root, *self.root.parents)):
                return self
            raise InvalidInput(f"The home {self.root} is a file or lies below one. {advice}") from error
        except PermissionError as error:
            raise InvalidInput(f"The home {self.root} may not be read by this user. {advice}") from error
        except OSError as error:
            raise InvalidInput(
                f"The home {self.root} cannot be read ({error.strerror or error}). {advice}"
            ) from error
        return self

    def make(self) -> "Home":
        """Make the folder if it is not there, closed to other users of the computer; return this home."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    @property
    def volumes(self) -> Path:
        """Sealed volumes, one folder each."""
        return self.root / "volumes"

    @property
    def staging(self) -> Path:
        """Half-made things; nothing in here is ever shown."""
        return self.root / "staging"

    @property
    def models(self) -> Path:
        """The library of models, one folder each."""
        return self.root / "models"

    @property
    def jobs(self) -> Path:
        """One folder for each job: checkpoints, ledger, the files that it made, the worker's log."""
        return self.root / "jobs"

    def checkpoints(self, job_id: str) -> Path:
        """Return where a training job keeps its state and its preview."""
        return self.jobs / job_id / "checkpoints"

    def job_files(self, job_id: str) -> Path:
        """Return where the files lie that a job made."""
        return self.jobs / job_id / "files"

    @property
    def previews(self) -> Path:
        """The log of the process that answers previews."""
        return self.root / "previews"

    @property
    def extensions(self) -> Path:
        """Python files with which the owner adds networks, losses and augmentations."""
        return self.root / "extensions"

    @property
    def journal_file(self) -> Path:
        """The SQLite journal of all jobs and their events."""
        return self.root / "journal.sqlite"

    @property
    def token_file(self) -> Path:
        """The secret that every call carries; readable by the owner only."""
        return self.root / "token"

    @property
    def server_file(self) -> Path:
        """The address of the running server; absent when none runs."""
        return self.root / "server.json"

    def server_runs(self) -> bool:
        """Tell whether the server that last wrote its address here is alive; one that was killed is not."""
        import psutil

        try:
            return psutil.pid_exists(int(json.loads(self.server_file.read_text(encoding="utf-8"))["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @property
    def launcher_file(self) -> Path:
        """The command that last started a server on this home; stays when the server ends."""
        return self.root / "launcher.json"

    @property
    def lock_file(self) -> Path:
        """Held by the one server that runs on this home."""
        return self.root / "server.lock"

    @property
    def log_file(self) -> Path:
        """What the server did and what went wrong, for its owner."""
        return self.root / "server.log"


@dataclass(frozen=True)
class Limits:
    """How much a server takes of each thing; a request at a limit passes, one beyond it gets a sentence.

    Sizes are bytes, times are seconds. ``free_floor_bytes`` must stay free on the disk (None: 2 GiB or 5 %
    of it, whichever is less). ``stop_grace_s`` is how long a server that a plugin started waits
    after that ImageJ is gone and no job runs. A preview may take ``preview_patience_s``; the process that
    answers them keeps ``max_preview_models`` models, of ``max_preview_model_bytes`` together, and ends when
    nobody asked it for ``preview_idle_s``.
    """

    max_message_bytes: int = 4 * MIB
    max_block_bytes: int = 2 * MIB
    max_streams: int = 128
    max_calls: int = 256
    max_string_length: int = 1024
    max_name_length: int = 120
    max_unit_length: int = 32
    max_detail_bytes: int = 2048
    max_voxels: int = 2**41
    max_channels: int = 64
    max_classes: int = 254
    max_open_uploads: int = 32
    max_open_jobs: int = 1000
    max_maps_bytes: int = 4 * GIB
    max_preview_bytes: int = 16 * MIB
    max_preview_models: int = 4
    max_preview_model_bytes: int = GIB
    max_training_volumes: int = 64
    max_annotators: int = 16
    max_settings: int = 64
    max_compared: int = 16
    max_condition_length: int = 1000
    max_merges: int = 10_000
    max_merged_ids: int = 100_000
    max_splits: int = 10_000
    max_points: int = 50_000
    max_points_of_split: int = 1000
    max_page_size: int = 200
    max_training_minutes: float = 60.0 * 24 * 14
    max_training_steps: int = 10_000_000
    keepalive_s: float = 30.0
    unary_deadline_s: float = 30.0
    staging_kept_s: float = 7 * 24 * 3600.0
    free_floor_bytes: int | None = None
    stop_grace_s: float = 120.0
    preview_patience_s: float = 60.0
    preview_idle_s: float = 600.0

    @classmethod
    def from_environment(cls) -> "Limits":
        """Return the limits, with those changed that CRISTAE_LIMITS names in a JSON object.

        The server and its workers read it, so that both know the same limits.

        Raises
        ------
        InvalidInput
            If the variable is no such object.
        """
        text = os.environ.get("CRISTAE_LIMITS", "{}")
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"CRISTAE_LIMITS is not a JSON object of known limits: {error}.") from error


def size(byte_count: float) -> str:
    """Say a number of bytes.

    Examples
    --------
    >>> size(300), size(3 * 1024**2)
    ('300 B', '3.0 MiB')
    """
    if byte_count < 1024:
        return f"{byte_count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        byte_count /= 1024
        if byte_count < 1024:
            return f"{byte_count:.1f} {unit}"
    return f"{byte_count / 1024:.1f} TiB"
