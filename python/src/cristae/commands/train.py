"""``cristae train``: from an image and its labels to a model in the library."""

import argparse
import json
from pathlib import Path

from cristae.commands.arguments import (
    Commands,
    add_device,
    add_json,
    label_classes,
    new_command,
    positive_count,
    positive_number,
    section_range,
    setting,
    voxel_size,
    wants_json,
)
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.computing import prepare_to_compute

DESCRIPTION = """\
Train a model on an image and its labels, without a server. RAW and LABELS are TIFF files (also ImageJ and
OME-TIFF), folders of slices, OME-Zarr or HDF5 (file.h5:key) and have the same shape. What a label value
means: 0 is background, 1...n are classes; a section without any label, while others have some, counts as not
annotated.

The plan is printed in words before the training starts. Ctrl-C keeps the state of the training, and so does
a kill: run the same command again and it goes on from the last checkpoint.
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
    add("raw", metavar="RAW", type=Path, help="the image")
    add("labels", metavar="LABELS", type=Path, help="its labels")
    add(
        "--model",
        metavar="NAME",
        required=True,
        help="the name of the model to make; one of that name is replaced at the end",
    )
    add(
        "--also",
        nargs=2,
        action="append",
        default=[],
        metavar=("RAW", "LABELS"),
        type=Path,
        help="one more image; repeatable",
    )
    add(
        "--annotator",
        metavar="LABELS",
        action="append",
        default=[],
        type=Path,
        help="what one more person labelled in RAW; repeatable. What most of them say counts, and "
        "ties are unknown",
    )
    add(
        "--target",
        choices=("classes", "masks", "instances"),
        default="classes",
        help="classes: 0 is background, 1...n are classes; masks: may overlap, a channel of LABELS for each, "
        "or LABELS is a folder with a label image for each, named as the mask; instances: one id per object "
        "(default: classes)",
    )
    add(
        "--unknown",
        metavar="VALUE",
        type=int,
        help="the label value that means 'not known'; such voxels are not trained on",
    )
    add(
        "--classes",
        metavar="VALUE=NAME,...",
        type=label_classes,
        default=(),
        help="what the label values mean: 100=er,200=mitochondria, or er,mitochondria for 1 and 2; other "
        "values are refused (for masks: their names in the order of the channels). A class named background "
        "is the background, also where it is drawn: with "
        "--unknown 0 --classes 1=background,2=er everything outside the strokes is unknown",
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
        "--z",
        metavar="A:B",
        type=section_range,
        help="train on these sections of the first image only; from 0, B excluded",
    )
    add(
        "--validation-z",
        metavar="A:B",
        type=section_range,
        help="validate on these sections of the first image",
    )
    add(
        "--voxel-size",
        metavar="Z,Y,X",
        type=voxel_size,
        help="in nanometres, if the file does not say it or says it wrongly",
    )
    add(
        "--start-from",
        metavar="NAME",
        help="go on from this model: its weights, network, normalisation and working voxel size are taken "
        "over; classes that it knows by name keep their answers",
    )
    add(
        "--empty-sections",
        choices=("unknown", "background"),
        default="unknown",
        help="what a section without labels means while others have some (default: unknown)",
    )
    add(
        "--set",
        metavar="KEY=VALUE",
        type=setting,
        action="append",
        default=[],
        help="change a choice of the plan; repeatable",
    )
    add("--seed", metavar="N", type=int, default=0, help="for another random start (default: 0)")
    add_device(command)
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and tell where the model is."""
    from cristae import door

    prepare_to_compute()
    with reporter() as show, polite_stop() as stopped:
        model = door.train(
            arguments.raw,
            [arguments.labels, *arguments.annotator],
            model=arguments.model,
            also=[(raw, labels) for raw, labels in arguments.also],
            target=arguments.target,
            unknown=arguments.unknown,
            empty_sections=arguments.empty_sections,
            classes=arguments.classes,
            budget=arguments.budget,
            minutes=arguments.minutes,
            steps=arguments.steps,
            z=arguments.z,
            validation_z=arguments.validation_z,
            voxel_size_nm=arguments.voxel_size,
            start_from=arguments.start_from,
            settings=dict(arguments.set),
            seed=arguments.seed,
            device=arguments.device,
            home=getattr(arguments, "home", None),
            on_event=show,
            should_stop=stopped.is_set,
        )
    if wants_json(arguments):
        print(
            json.dumps(
                {"model": model.name, "path": str(model.path), "digest": model.digest, "record": model.record}
            )
        )
    else:
        print(f"The model '{model.name}' is ready: {model.path}")
    return 0
