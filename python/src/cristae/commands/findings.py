"""What ``cristae doctor`` finds."""

from dataclasses import dataclass
from typing import Literal

type State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: State
    sentence: str
