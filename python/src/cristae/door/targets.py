"""Where a result may go: told before anything is computed, and without torch."""

from pathlib import Path

from cristae.errors import AlreadyExists, InvalidInput
from cristae.volumes.kinds import SLICES, split_key
from cristae.volumes.staging import is_taken


def check_target(out: str | Path, raw: object, *, overwrite: bool) -> None:
    """Refuse a result that is there already, before anything is computed.

    Raises
    ------
    AlreadyExists
        `out` is there, and `overwrite` is not set.
    InvalidInput
        Writing `out` would destroy or change the image `raw`, whatever `overwrite` says.
    """
    target = Path(out)
    if isinstance(raw, str | Path):
        image, place = split_key(Path(raw))[0].resolve(), target.resolve()
        if target.exists() and (place == image or place in image.parents):
            raise InvalidInput(f"{out} is what the result is made of: it would be lost. Choose another name.")
        if place.parent == image and place.suffix.lower() in SLICES:
            raise InvalidInput(
                f"{out} would become one more slice of the image {raw}. Choose another folder for it."
            )
    if is_taken(target) and not overwrite:
        raise AlreadyExists(f"{out} is there already. Choose another name, or add --overwrite to replace it.")
