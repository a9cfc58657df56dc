"""The class table: which value of a label image means what."""

from collections.abc import Sequence
from dataclasses import dataclass

from cristae.errors import InvalidInput

MAX_NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class LabelClass:
    """One class of a label image.

    Parameters
    ----------
    value
        The value of its voxels; 0 is background, so classes count from 1.
    name
        The name that the person gave, at most 120 characters.
    rgb
        The display colour 0xRRGGBB; 0 means that the viewer picks one.

    Examples
    --------
    >>> LabelClass(1, "mitochondria", 0xFF8800).rgb_hex
    'ff8800'
    """

    value: int
    name: str
    rgb: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 0xFFFFFFFF:
            raise InvalidInput(f"The class {self.name!r} has the value {self.value}; give it one from 1 on.")
        if len(self.name) > MAX_NAME_LENGTH:
            raise InvalidInput(
                f"The name of class {self.value} has {len(self.name)} characters; "
                f"at most {MAX_NAME_LENGTH} are allowed."
            )
        if not 0 <= self.rgb <= 0xFFFFFF:
            raise InvalidInput(f"The colour of class {self.name!r} is {self.rgb}; it must be 0xRRGGBB.")

    @property
    def rgb_hex(self) -> str:
        """The colour as six hex digits."""
        return f"{self.rgb:06x}"


def check_classes(classes: Sequence[LabelClass]) -> None:
    """Refuse a class table in which two classes share a value."""
    values = [entry.value for entry in classes]
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise InvalidInput(
            f"The class table names the value {twice[0]} twice; give every class its own value."
        )
