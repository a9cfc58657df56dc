"""``cristae clean``: objects of a label image made better, by rule and by hand."""

import argparse
import json
from pathlib import Path

from cristae.commands.arguments import (
    Commands,
    add_json,
    new_command,
    positive_count,
    positive_number,
    voxel_count,
    voxel_size,
    wants_json,
)
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.events import Event, Note

type Point = tuple[int, int, int]

DESCRIPTION = """\
Mend the objects of a label image, and say what was done. The steps come in this order, whatever the order of
the arguments: --merge, --split, --fill-holes, --smooth, --minimum-nm3 or --minimum-voxels, --border. Ids stay
what they are; new ones come after the largest. docs/objects.md defines each step. Take the numbers of objects
and the points for --merge and --split from your own image: those below are examples.
"""
EXAMPLE = """\
  cristae clean cells.tif cells-clean.tif --fill-holes --minimum-nm3 1e6
  cristae clean neurons.ome.zarr mended.ome.zarr --merge 3,7,9 --split 12 5,80,40 5,80,90
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "clean",
        summary="remove, fill, smooth, merge and split objects",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add("labels", metavar="LABELS", help="the label image: one number for each object, 0 is background")
    add(
        "out",
        metavar="OUT",
        help="the label image to write: .tif, .ome.tif, .zarr, .h5, or a folder/ of slices",
    )
    add(
        "--merge",
        metavar="ID,ID,...",
        type=id_group,
        action="append",
        default=[],
        help="make these objects one, with the lowest of their numbers; may be given several times",
    )
    add(
        "--split",
        metavar=("ID Z,Y,X", "Z,Y,X"),
        nargs="+",
        action="append",
        default=[],
        help="cut an object into as many parts as points (voxels, from 0) are given, where it is thin "
        "between them; may be given several times",
    )
    add("--fill-holes", action="store_true", help="fill background that one object encloses")
    add(
        "--smooth",
        metavar="NM",
        type=positive_number,
        help="give each voxel the number that most voxels within this radius have",
    )
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--minimum-nm3", metavar="V", type=positive_number, help="remove objects of a smaller volume"
    )
    size.add_argument(
        "--minimum-voxels", metavar="N", type=voxel_count, help="remove objects of fewer voxels"
    )
    add(
        "--border",
        choices=("remove", "keep"),
        default="keep",
        help="whether to remove objects that touch the border of the volume (default: keep)",
    )
    add(
        "--voxel-size",
        metavar="Z,Y,X",
        type=voxel_size,
        help="in nanometres, if the file does not say it or says it wrongly",
    )
    add("--overwrite", action="store_true", help="replace OUT if it is there")
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Clean, and tell what was done and where the result is."""
    from cristae import door

    sentences: list[str] = []
    splits = [split_points(words) for words in arguments.split]
    with reporter() as show, polite_stop() as stopped:

        def told(event: Event) -> None:
            if isinstance(event, Note):
                sentences.append(event.sentence)
            show(event)

        door.clean(
            arguments.labels,
            arguments.out,
            merge=arguments.merge,
            split=_by_id(splits),
            fill_holes=arguments.fill_holes,
            smooth_nm=arguments.smooth,
            minimum_nm3=arguments.minimum_nm3,
            minimum_voxels=arguments.minimum_voxels,
            border=arguments.border,
            voxel_size_nm=arguments.voxel_size,
            overwrite=arguments.overwrite,
            on_event=told,
            should_stop=stopped.is_set,
        )
    if wants_json(arguments):
        print(json.dumps({"out": str(arguments.out), "done": sentences}))
    else:
        print(f"Written: {Path(arguments.out)}")
    return 0


def id_group(text: str) -> tuple[int, ...]:
    """Read ``ID,ID,...``.

    Examples
    --------
    >>> id_group("3,7,9")
    (3, 7, 9)
    """
    try:
        return tuple(positive_count(part.strip()) for part in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a list of numbers of objects such as 3,7,9"
        ) from None


def split_points(words: list[str]) -> tuple[int, list[Point]]:
    """Read ``ID Z,Y,X Z,Y,X ...``.

    Examples
    --------
    >>> split_points(["12", "5,80,40", "5,80,90"])
    (12, [(5, 80, 40), (5, 80, 90)])
    """
    from cristae.errors import InvalidInput

    try:
        (object_id,) = id_group(words[0])
        points = []
        for word in words[1:]:
            z, y, x = (int(part) for part in word.split(","))
            points.append((z, y, x))
    except (ValueError, argparse.ArgumentTypeError):
        raise InvalidInput(
            f"--split {' '.join(words)} is not the number of an object and points, such as --split 12 "
            "5,80,40 5,80,90."
        ) from None
    return object_id, points


def _by_id(splits: list[tuple[int, list[Point]]]) -> dict[int, list[Point]]:
    from cristae.errors import InvalidInput

    by_id = dict(splits)
    if len(by_id) < len(splits):
        raise InvalidInput("An object is split twice. Give all of its points after one --split.")
    return by_id
