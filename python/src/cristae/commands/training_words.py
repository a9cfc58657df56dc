"""The words that say what is trained on: the same for a training and for a look at its patches."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cristae.commands.arguments import label_classes, section_range, seed, setting, voxel_size
from cristae.errors import InvalidInput


def add_training_data(command: argparse.ArgumentParser) -> None:
    """Add images, labels, what they mean, and the choices of the plan."""
    add = command.add_argument
    add("raw", metavar="RAW", type=Path, help="the image")
    add("labels", metavar="LABELS", type=Path, help="its labels")
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
    add(
        "--seed",
        metavar="N",
        type=seed,
        default=0,
        help="for another random start: a whole number from 0 (default: 0)",
    )


def training_data(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was said with these words, as the functions of the door take it."""
    return {
        "raw": arguments.raw,
        "labels": [arguments.labels, *arguments.annotator],
        "also": [(raw, labels) for raw, labels in arguments.also],
        "target": arguments.target,
        "unknown": arguments.unknown,
        "empty_sections": arguments.empty_sections,
        "classes": arguments.classes,
        "z": arguments.z,
        "validation_z": arguments.validation_z,
        "voxel_size_nm": arguments.voxel_size,
        "settings": settings_of(arguments.set),
        "seed": arguments.seed,
    }


def settings_of(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the choices of the plan by name.

    Raises
    ------
    InvalidInput
        One is made twice; which of them was meant cannot be told.

    Examples
    --------
    >>> settings_of([("batch", "4"), ("size", "small")])
    {'batch': '4', 'size': 'small'}
    """
    settings: dict[str, str] = {}
    for name, value in pairs:
        if name in settings:
            raise InvalidInput(
                f"The choice {name} is made twice, {name}={settings[name]} and {name}={value}. Leave one out."
            )
        settings[name] = value
    return settings
