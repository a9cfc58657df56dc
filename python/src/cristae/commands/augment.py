"""``cristae augment``: a look at the patches that a training would see."""

import argparse
import json

from cristae.commands.arguments import (
    Commands,
    add_device,
    add_json,
    new_command,
    positive_count,
    wants_json,
)
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.commands.training_words import add_training_data, training_data
from cristae.computing import prepare_to_compute

DESCRIPTION = """\
Write the first patches that `cristae train` would see with the same words and the same seed: flipped, turned,
deformed, brighter, with lost sections, whatever is chosen with --set augment_geometry, augment_intensity,
augment_sections (each off, light or full) and augmentation (their strength).

OUT is a stack of the sections that the network sees, patch after patch. Its first channels are those of the
image, normalised: 128 is the mean, 32 a standard deviation. The last one holds the classes that are learned,
255 where they are unknown, as in the neighbours of a section; with --target masks each mask has a channel.
"""
EXAMPLE = """\
  cristae augment stack.tif stack-labels.tif preview.tif --set augment_geometry=full
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "augment",
        summary="show the patches that a training would see",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add_training_data(command)
    command.add_argument("out", metavar="OUT", help="the stack to write, as for predict")
    command.add_argument(
        "--patches", metavar="N", type=positive_count, default=16, help="how many (default: 16)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    add_device(command)
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the patches and tell where they are."""
    from cristae import door

    prepare_to_compute()
    with reporter() as show, polite_stop() as stopped:
        door.augment(
            **training_data(arguments),
            out=arguments.out,
            patches=arguments.patches,
            overwrite=arguments.overwrite,
            device=arguments.device,
            home=getattr(arguments, "home", None),
            on_event=show,
            should_stop=stopped.is_set,
        )
    if wants_json(arguments):
        print(json.dumps({"out": str(arguments.out), "patches": arguments.patches}))
    else:
        print(f"Written: {arguments.out}")
    return 0
