"""``cristae demo``: the whole way, from a labelled sample to a segmented one."""

import argparse
from pathlib import Path

from cristae.commands.arguments import Commands, new_command, positive_number
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.computing import prepare_to_train

DESCRIPTION = """\
Train on the left part of the bundled FIB-SEM sample, segment its right part, score it against the truth and
draw both, without Fiji. (`make demo` in the repository does the same from a macro in ImageJ.)
"""
EXAMPLE = """\
  cristae demo --minutes 3 --folder cristae-demo
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "demo",
        summary="train, segment and score a bundled sample",
        description=DESCRIPTION,
        example=EXAMPLE,
        home="home in the folder of --folder",
    )
    command.add_argument(
        "--folder",
        metavar="FOLDER",
        type=Path,
        default=Path("cristae-demo"),
        help="where to write everything (default: cristae-demo)",
    )
    command.add_argument(
        "--minutes", metavar="M", type=positive_number, default=3.0, help="how long to train (default: 3)"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration."""
    from cristae import demo

    prepare_to_train()
    with reporter() as show, polite_stop() as stopped:
        demo.run(
            arguments.folder,
            minutes=arguments.minutes,
            home=getattr(arguments, "home", None),
            on_event=show,
            should_stop=stopped.is_set,
        )
    return 0
