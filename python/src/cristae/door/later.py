"""What the command line takes a word for but does not show in its help: refused, with what to do instead."""

from cristae.errors import Unsupported


def refuse_masks(target: str) -> None:
    """Refuse the target "masks".

    Raises
    ------
    Unsupported
        Always for "masks".
    """
    if target == "masks":
        raise Unsupported(
            "Masks (several label images whose classes overlap) are not supported. "
            "Use --target classes with one label image in which every voxel has one class."
        )


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


def refuse_output(kind: str | None) -> None:
    """Refuse the output "uncertainty".

    Raises
    ------
    Unsupported
        Always for "uncertainty".
    """
    if kind == "uncertainty":
        raise Unsupported(
            "Uncertainty maps are not supported. Use --output probabilities, which shows how sure the "
            "network is."
        )
