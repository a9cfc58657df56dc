"""Words that several commands share, and how they are read."""

import argparse
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cristae.settings import Home
    from cristae.volumes.classes import LabelClass


type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


USUAL_HOME = "CRISTAE_HOME, else the user data folder"


def new_command(
    commands: Commands, name: str, *, summary: str, description: str, example: str, home: str = USUAL_HOME
) -> argparse.ArgumentParser:
    """Add a command with its summary, its description and an example; every command knows ``--home``."""
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_home(command, home)
    return command


def add_action(
    actions: Commands,
    name: str,
    summary: str,
    run: Callable[[argparse.Namespace], int],
    *,
    operand: str | None = None,
) -> argparse.ArgumentParser:
    """Add an action below a command, such as ``models show NAME``; the operand is ``arguments.name``."""
    action = actions.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    if operand is not None:
        action.add_argument("name", metavar=operand)
    add_home(action)
    add_json(action)
    action.set_defaults(run=run)
    return action


def add_home(command: argparse.ArgumentParser, default: str = USUAL_HOME) -> None:
    """Add ``--home``."""
    command.add_argument(
        "--home",
        metavar="FOLDER",
        type=Path,
        default=argparse.SUPPRESS,
        help=f"where models, volumes and jobs are kept (default: {default})",
    )


def add_json(command: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    command.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON object on stdout, for scripts",
    )


def add_device(command: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    command.add_argument(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda:0",
        help="where to compute; auto takes the GPU if there is one, and says so (default: auto)",
    )


def home_of(arguments: argparse.Namespace) -> "Home":
    """Find the home folder that the command line, the environment or the platform names.

    Raises
    ------
    InvalidInput
        It cannot be a home.
    """
    from cristae.settings import Home

    return Home.find(getattr(arguments, "home", None)).checked()


def wants_json(arguments: argparse.Namespace) -> bool:
    """Tell whether ``--json`` was given."""
    return bool(getattr(arguments, "json", False))


def section_range(text: str) -> tuple[int, int]:
    """Read ``A:B``, half-open, from 0.

    Examples
    --------
    >>> section_range("0:8")
    (0, 8)
    """
    parts = text.split(":")
    try:
        start, stop = (int(part) for part in parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a range such as 0:8") from None
    if start < 0 or stop < 0:
        raise argparse.ArgumentTypeError(
            f"'{text}' begins or ends before the first, which is 0; a range A:B counts from there, and B is "
            "behind the last"
        )
    if start >= stop:
        raise argparse.ArgumentTypeError(
            f"'{text}' has nothing in it; a range A:B counts from 0, and B is behind the last"
        )
    return start, stop


def add_rows_and_columns(command: argparse.ArgumentParser) -> None:
    """Add ``--y`` and ``--x``: of sections, each command says itself what comes without ``--z``."""
    command.add_argument("--y", metavar="A:B", type=section_range, help="these rows only")
    command.add_argument("--x", metavar="A:B", type=section_range, help="these columns only")


def voxel_size(text: str) -> tuple[float, float, float]:
    """Read ``Z,Y,X`` in nanometres.

    Examples
    --------
    >>> voxel_size("50,4.6,4.6")
    (50.0, 4.6, 4.6)
    """
    try:
        z_nm, y_nm, x_nm = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not Z,Y,X in nanometres, such as 50,4.6,4.6") from None
    if not all(0 < side_nm < 1e9 for side_nm in (z_nm, y_nm, x_nm)):
        raise argparse.ArgumentTypeError(
            f"'{text}' has a side that is not between 0 and a metre; the unit is the nanometre"
        )
    return z_nm, y_nm, x_nm


def setting(text: str) -> tuple[str, str]:
    """Read ``KEY=VALUE``.

    Examples
    --------
    >>> setting("patch_zyx=32,96,96")
    ('patch_zyx', '32,96,96')
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    return key.strip(), value.strip()


def seed(text: str) -> int:
    """Read a seed.

    Examples
    --------
    >>> seed("7")
    7
    """
    from cristae.errors import InvalidInput
    from cristae.training.request import check_seed

    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number such as 1") from None
    try:
        return check_seed(number)
    except InvalidInput as refused:
        raise argparse.ArgumentTypeError(refused.sentence) from refused


def label_classes(text: str) -> "tuple[LabelClass, ...]":
    """Read ``VALUE=NAME,...`` or, for the values 1, 2, ..., ``NAME,...``.

    Examples
    --------
    >>> [(cls.value, cls.name) for cls in label_classes("100=er,200=mitochondria")]
    [(100, 'er'), (200, 'mitochondria')]
    >>> [(cls.value, cls.name) for cls in label_classes("er, mitochondria")]
    [(1, 'er'), (2, 'mitochondria')]
    """
    from cristae.errors import InvalidInput
    from cristae.volumes.classes import LabelClass, check_classes

    parts = [part.strip() for part in text.split(",")]
    pairs = [part.partition("=") for part in parts]
    listed = [bool(equals) for _, equals, _ in pairs]
    if not all(parts) or (any(listed) and not all(listed)):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a list of classes such as 100=er,200=mitochondria, or er,mitochondria for 1, 2"
        )
    named = (
        [(value.strip(), name.strip()) for value, _, name in pairs]
        if all(listed)
        else [(str(value), name) for value, name in enumerate(parts, 1)]
    )
    for value, name in named:
        if not (value.isascii() and value.isdecimal()) or not name:
            raise argparse.ArgumentTypeError(f"'{value}={name}' is not VALUE=NAME with a whole number")
    try:
        classes = tuple(LabelClass(int(value), name) for value, name in named)
        check_classes(classes)
    except InvalidInput as refused:
        raise argparse.ArgumentTypeError(refused.sentence) from refused
    return classes


def positive_number(text: str) -> float:
    """Read a number above 0.

    Examples
    --------
    >>> positive_number("2.5")
    2.5
    """
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return number


def positive_count(text: str) -> int:
    """Read a whole number above 0.

    Examples
    --------
    >>> positive_count("600")
    600
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) == 0:
        shown = text if len(text) < 40 else f"{text[:40]}..."
        raise argparse.ArgumentTypeError(f"'{shown}' is not a whole number above 0")
    return int(text)


def voxel_count(text: str) -> int:
    """Read a whole number of voxels above 0, which may be written like ``1e9``.

    Examples
    --------
    >>> voxel_count("500"), voxel_count("1e9"), voxel_count("2.5e3")
    (500, 1000000000, 2500)
    """
    try:
        number = Decimal(text)  # exact, where a float rounds
    except InvalidOperation:
        return positive_count(text)
    is_whole = number.is_finite() and 0 < number < 10**18 and number == number.to_integral_value()
    return int(number) if is_whole and "_" not in text else positive_count(text)
