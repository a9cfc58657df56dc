"""What the command line takes a word for but does not show in its help: refused, with what to do instead."""

from cristae.errors import Unsupported


def refuse_engine(engine: str) -> None:
    """Refuse engines other than torch; "auto" is torch.

    Raises
    ------
    Unsupported
        For any other.
    """
    if engine not in ("auto", "torch"):
        raise Unsupported(
            f"The engine {engine} is not supported. Use --engine auto, which computes with torch."
        )
