"""The command line: ``cristae COMMAND ...``.

This module only finds the command and turns the way it ends into an exit code; the commands are in
:mod:`cristae.commands`. Nothing here or at the top of a command imports torch or grpc, so that ``cristae
--help`` and
``cristae serve`` start at once.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, override

from cristae.commands import COMMANDS
from cristae.commands.endings import FAILED, ending
from cristae.commands.together import first_says_it, refuse_side_by_side

DESCRIPTION = "Segment electron-microscopy images and volumes with networks that you train yourself."
WRONG_USAGE = 2
EPILOG = """\
A first round, from the labelled stack to the segmented one:

  cristae train stack.tif stack-labels.tif --model mito
  cristae predict other.tif other-mito.tif --model mito
  cristae evaluate other-mito.tif other-truth.tif

`cristae COMMAND --help` explains a command and shows an example of it.
exit codes: 0 done; 1 failed, with one sentence on stderr; 2 wrong usage; 130 ended by Ctrl-C, 143 by a TERM
signal.
"""


class _Parser(argparse.ArgumentParser):
    """Of several processes that were given the same wrong words, one says so."""

    _mixes = False

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        # A range or a size such as -3:5 is a value too, which the command then refuses in its own words.
        self._negative_number_matcher = re.compile(r"-[.\d][-.,:\d]*$")

    @override
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        # Options may stand before a word that may be left out: `measure LABELS --contacts TABLE`.
        if self._mixes or not any(action.nargs == "?" for action in self._get_positional_actions()):
            return super().parse_known_args(args, namespace)
        self._mixes = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixes = False

    @override
    def error(self, message: str) -> NoReturn:
        if first_says_it(WRONG_USAGE):
            self.exit(WRONG_USAGE)
        super().error(message)


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line.

    Examples
    --------
    >>> parser().parse_args(["models", "list"]).command
    'models'
    """
    from cristae import __version__

    whole = _Parser(
        prog="cristae",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"cristae {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"cristae.commands.{name}").add_to(commands)
    for own in commands.choices.values():
        own.set_defaults(refuse=own.error)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        The words behind ``cristae``; default: those of this process.

    Returns
    -------
    int
        0 done, 1 failed (one sentence was written to stderr), 130 or 143 ended by a signal. Wrong usage
        leaves with
        ``SystemExit(2)``, as argparse does.
    """
    arguments, more = parser().parse_known_args(argv)
    if more:  # said with the usage of the command, not with that of the whole program
        options = [word for word in more if word.startswith("-")]
        told = "it does not know" if options else "there are words too many:"
        arguments.refuse(f"{told} {' '.join(options or more)}")
    try:
        refuse_side_by_side(arguments.command)
        code: int = arguments.run(arguments) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output went away (`cristae jobs | head`): nothing failed, and Python must not try
        # to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as failure:
        return ending(failure, arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
