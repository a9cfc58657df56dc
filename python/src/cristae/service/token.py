"""The token: 256 random bits in a file that only its owner can read."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from cristae.errors import InvalidInput

_SHORTEST = 43  # 256 bits in base64


def read_or_make_token(path: Path) -> str:
    """Return the token of a home; make one, readable by its owner only, if there is none.

    To be called under the lock of the home.

    Raises
    ------
    InvalidInput
        If the file holds no good token, or others may read it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = read_or_make_token(Path(folder) / "token")
    ...     made == read_or_make_token(Path(folder) / "token"), len(made)
    (True, 43)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return _read(path)
    token = secrets.token_urlsafe(32)
    # Renamed into place: a server that is killed here must not leave half a token, which no later one takes.
    half_made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(half_made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if sys.platform == "win32":
            _owner_only_on_windows(half_made)
        os.write(descriptor, token.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    half_made.replace(path)
    return token


def _read(path: Path) -> str:
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise InvalidInput(
            f"Others on this computer may read {path}. Delete that file; the server makes a new token."
        )
    token = path.read_text("ascii", "replace").strip()
    if len(token) >= _SHORTEST and token.isascii() and token.isprintable() and " " not in token:
        return token
    raise InvalidInput(f"The file {path} holds no good token. Delete it; the server makes a new one.")


def _owner_only_on_windows(path: Path) -> None:
    # Files in a user's profile are closed to other users anyway; a home elsewhere may not be.
    user = os.environ.get("USERNAME", "")
    subprocess.run(  # noqa: S603
        ["icacls", str(path), "/inheritance:r", "/grant:r", f"{user}:F"],  # noqa: S607
        check=True,
        capture_output=True,
    )
