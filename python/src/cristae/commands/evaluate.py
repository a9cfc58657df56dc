"""``cristae evaluate``: a prediction against the truth, in numbers."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cristae.commands.arguments import (
    Commands,
    add_json,
    label_classes,
    new_command,
    section_range,
    voxel_size,
    wants_json,
)
from cristae.commands.reporting import reporter

DESCRIPTION = """\
Compare a predicted label image with the true one. Both are read from any format that `cristae train` reads.
Every section counts, unless --empty-sections unknown leaves those out in which the truth has no label.
With --also several predictions are compared with the truth, with --pairs all images with each other; the JSON
is then {"predictions": {NAME: ...}}, or {"names": [...], "pairs": {METRIC: [[...]]}}.
"""
EXAMPLE = """\
  cristae evaluate stack-mito.tif stack-truth.tif --z 40:48 --json
  cristae evaluate one.tif truth.tif --also two.tif --distances --report scores.html --raw stack.tif
  cristae evaluate anna.tif ben.tif --also carla.tif --pairs --target instances
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
    add(
        "--voxel-size",
        metavar="Z,Y,X",
        type=voxel_size,
        help="in nanometres, if the files do not say it or say it wrongly",
    )
    add(
        "--distances",
        action="store_true",
        help="also compare the surfaces of classes and masks: Hausdorff distance, its 95th percentile and "
        "mean surface distance in nanometres, and boundary F1; takes longer",
    )
    add(
        "--probabilities",
        action="store_true",
        help="PREDICTION holds probabilities as predict --output probabilities writes them: IoU and Dice at "
        "the thresholds 0.05 to 0.95, the other metrics at 0.5",
    )
    add(
        "--also",
        metavar="PREDICTION",
        type=Path,
        action="append",
        default=[],
        help="another prediction to compare with TRUTH; may be given several times",
    )
    add(
        "--pairs",
        action="store_true",
        help="compare all images with each other, such as the labels of several people: mean IoU and Dice, "
        "or 1 - adapted Rand error and F1 at IoU 0.5",
    )
    add(
        "--report",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a file to write too, by its ending: .csv, .json, or .html, a page with tables and pictures of "
        "the worst places; may be given several times",
    )
    add("--raw", metavar="IMAGE", type=Path, help="the image itself, for the pictures of an .html report")
    add("--overwrite", action="store_true", help="replace reports that are there")
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score and print."""
    from cristae import door
    from cristae.evaluation import ReportNotWritten

    try:
        with reporter() as show:
            scores = door.evaluate(
                arguments.prediction,
                arguments.truth,
                target=arguments.target,
                classes=arguments.classes,
                unknown=arguments.unknown,
                empty_sections=arguments.empty_sections,
                z=arguments.z,
                voxel_size_nm=arguments.voxel_size,
                distances=arguments.distances,
                probabilities=arguments.probabilities,
                also=arguments.also,
                pairs=arguments.pairs,
                report=arguments.report,
                raw=arguments.raw,
                overwrite=arguments.overwrite,
                on_event=show,
            )
    except ReportNotWritten as failure:
        _print(failure.scores, as_json=wants_json(arguments))
        raise
    _print(scores, as_json=wants_json(arguments))
    return 0


def _print(scores: Mapping[str, Any], *, as_json: bool) -> None:
    from cristae.evaluation import report

    text = json.dumps(scores, allow_nan=False) if as_json else "\n".join(report(scores))
    # A name may have letters that the terminal, or UTF-8, has not.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
