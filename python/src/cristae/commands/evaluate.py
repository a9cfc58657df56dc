"""``cristae evaluate``: a prediction against the truth, in numbers."""

import argparse
import json
from pathlib import Path

from cristae.commands.arguments import (
    Commands,
    add_json,
    label_classes,
    new_command,
    section_range,
    wants_json,
)
from cristae.commands.reporting import reporter

DESCRIPTION = """\
Compare a predicted label image with the true one. Both are read from any format that `cristae train` reads.
Every section counts, unless --empty-sections unknown leaves those out in which the truth has no label.
"""
EXAMPLE = """\
  cristae evaluate stack-mito.tif stack-truth.tif --z 40:48 --json
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "evaluate",
        summary="compare a prediction with the truth",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add("prediction", metavar="PREDICTION", type=Path, help="the predicted label image")
    add("truth", metavar="TRUTH", type=Path, help="the true label image, of the same shape")
    add(
        "--target",
        choices=("classes", "masks", "instances"),
        default="classes",
        help="classes: voxel metrics of every class; masks: the same of every mask, in channels or in "
        "folders as for train; instances: metrics of objects (default: classes)",
    )
    add(
        "--unknown",
        metavar="VALUE",
        type=int,
        help="the value in TRUTH that means 'not known'; such voxels do not count",
    )
    add(
        "--classes",
        metavar="VALUE=NAME,...",
        type=label_classes,
        default=(),
        help="the classes of TRUTH, if their values are not 1, 2, ...: 100=er,200=mitochondria",
    )
    add("--z", metavar="A:B", type=section_range, help="score these sections only; from 0, B excluded")
    add(
        "--empty-sections",
        choices=("unknown", "background"),
        default="background",
        help="what a section of TRUTH without labels means (default: background)",
    )
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score and print."""
    from cristae import door
    from cristae.evaluation import report

    with reporter() as show:
        scores = door.evaluate(
            arguments.prediction,
            arguments.truth,
            target=arguments.target,
            classes=arguments.classes,
            unknown=arguments.unknown,
            empty_sections=arguments.empty_sections,
            z=arguments.z,
            on_event=show,
        )
    print(json.dumps(scores, allow_nan=False) if wants_json(arguments) else "\n".join(report(scores)))
    return 0
