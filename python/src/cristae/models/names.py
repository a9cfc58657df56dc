"""Names of models: they become names of folders on every platform."""

import re

from cristae.errors import InvalidInput

MAX_NAME_LENGTH = 120

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]*", re.ASCII)
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}


def check_model_name(name: str) -> str:
    """Return the name if a folder can be called so on Linux, macOS and Windows.

    Raises
    ------
    InvalidInput
        Saying what is allowed.

    Examples
    --------
    >>> check_model_name("mito 2.5D")
    'mito 2.5D'
    >>> check_model_name("../mito")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cristae.errors.InvalidInput: '../mito' cannot be the name of a model. Use letters from A to Z, ...
    """
    fits = 0 < len(name) <= MAX_NAME_LENGTH and _ALLOWED.fullmatch(name) and name[-1] not in " ."
    if fits and name.split(".")[0].strip().lower() in _RESERVED:
        raise InvalidInput(f"{name!r} cannot be the name of a model: Windows reserves it. Choose another.")
    if not fits:
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        raise InvalidInput(
            f"{shown!r} cannot be the name of a model. Use letters from A to Z, digits, spaces and . _ - + "
            f"( ), at "
            f"most {MAX_NAME_LENGTH} characters, beginning with a letter or digit and not ending with a "
            f"point."
        )
    return name
