"""``cristae train``: from an image and its labels to a model in the library."""

import argparse
import json

from cristae.commands.arguments import (
    Commands,
    add_device,
    add_json,
    new_command,
    positive_count,
    positive_number,
    wants_json,
)
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop, wish_to_finish
from cristae.commands.training_words import add_training_data, training_data
from cristae.computing import launched, prepare_to_train

DESCRIPTION = """\
Train a model on an image and its labels, without a server. RAW and LABELS are TIFF files (also ImageJ and
OME-TIFF), folders of slices, OME-Zarr, HDF5 or N5 (file.h5:key), MRC or NIfTI, and have the same
shape. What a label value means: 0 is background, 1...n are classes; a section without any label, while
others have some, counts as not annotated.

The plan is printed in words before the training starts. Ctrl-C keeps the state of the training, and a kill
all but the last minute, as a checkpoint is written each minute: run the same command again and it goes on
from there. The signal USR1 lets it end early and keep the best that it has: kill -USR1 PID, or in SLURM, ten
minutes before the time is over, sbatch --signal=USR1@600.

On several GPUs: torchrun --standalone --nproc-per-node 4 -m cristae train ... (docs/remote.md).
"""
EXAMPLE = """\
  cristae train stack.tif stack-labels.tif --model mito --minutes 10 --validation-z 40:48
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "train",
        summary="train a model on an image and its labels",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add_training_data(command)
    add(
        "--model",
        metavar="NAME",
        required=True,
        help="the name of the model to make; one of that name is replaced at the end, unless the training "
        "has not passed over the labels once",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument(
        "--budget", choices=("quick", "standard", "best"), help="how long to train (default: quick)"
    )
    budget.add_argument(
        "--minutes", metavar="M", type=positive_number, help="train for at most so many minutes"
    )
    budget.add_argument("--steps", metavar="N", type=positive_count, help="train for so many optimiser steps")
    add(
        "--start-from",
        metavar="NAME",
        help="go on from this model: its weights, network, normalisation and working voxel size are taken "
        "over; classes that it knows by name keep their answers",
    )
    add_device(command)
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and tell where the model is."""
    from cristae import door

    prepare_to_train()
    with reporter() as show, polite_stop() as stopped, wish_to_finish() as finishing:
        model = door.train(
            **training_data(arguments),
            model=arguments.model,
            budget=arguments.budget,
            minutes=arguments.minutes,
            steps=arguments.steps,
            start_from=arguments.start_from,
            device=arguments.device,
            home=getattr(arguments, "home", None),
            on_event=show,
            should_stop=stopped.is_set,
            should_finish=finishing.is_set,
        )
    launch = launched()
    if launch is not None and launch.number > 0:  # the first process tells
        return 0
    if wants_json(arguments):
        print(
            json.dumps(
                {"model": model.name, "path": str(model.path), "digest": model.digest, "record": model.record}
            )
        )
    else:
        print(f"The model '{model.name}' is ready: {model.path}")
    return 0
