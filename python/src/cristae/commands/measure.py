"""``cristae measure``: the objects of a label image, in numbers."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cristae.commands.arguments import Commands, add_json, new_command, voxel_size, wants_json
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.commands.tables import table

if TYPE_CHECKING:
    from cristae.measuring import Measurements, Table

DESCRIPTION = """\
Measure every object of a label image: size, place, form, grey values, contacts and distances, in nanometres.
docs/objects.md defines every column. The image is read slab by slab; memory grows with the number of objects,
not with the volume; with --other or distance_to_nm also with the surfaces of those objects. Without TABLE
only a summary is printed (with --json all rows).
"""
EXAMPLE = """\
  cristae measure cells.tif cells.csv --raw stack.tif --contacts
  cristae measure mito.ome.zarr mito.xlsx --other er.ome.zarr
  cristae measure mito.tif large.csv --where "volume_nm3 > 1e6 and touches_border == 0"
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "measure",
        summary="measure the objects of a label image",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add("labels", metavar="LABELS", help="the label image: one number for each object, 0 is background")
    add(
        "table",
        metavar="TABLE",
        type=Path,
        nargs="?",
        help="the table to write: .csv, .xlsx or, if pyarrow is installed, .parquet; what is too long for "
        "Excel becomes a .csv",
    )
    add("--raw", metavar="IMAGE", help="measure the grey values of this image in each object")
    add(
        "--classes",
        metavar="IMAGE",
        help="a label image of classes: each object gets the one that most of its voxels have",
    )
    add(
        "--other",
        metavar="LABELS2",
        help="a label image of other objects: each object gets the nearest of them and its distance",
    )
    add(
        "--contacts",
        action="store_true",
        help="make the table of objects that touch, too: beside TABLE as NAME-contacts.csv, or as another "
        "sheet; with --other, of objects of LABELS that touch some of LABELS2",
    )
    add(
        "--skeletons",
        action="store_true",
        help="measure the length of the centre line of every object, too; it takes long",
    )
    add(
        "--where",
        metavar="CONDITION",
        help="only objects that fulfil it: columns, numbers, comparisons, and, or, not, within(z0, y0, x0, "
        "z1, y1, x1) in voxels, and distance_to_nm(ID)",
    )
    add(
        "--voxel-size",
        metavar="Z,Y,X",
        type=voxel_size,
        help="in nanometres, if the file does not say it or says it wrongly",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace TABLE if it is there; without --contacts, the table of contacts of an earlier run that "
        "lies beside it is removed",
    )
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the table and print a summary."""
    from cristae import door

    with reporter() as show, polite_stop() as stopped:
        found = door.measure(
            arguments.labels,
            arguments.table,
            raw=arguments.raw,
            classes=arguments.classes,
            other=arguments.other,
            contacts=arguments.contacts,
            skeletons=arguments.skeletons,
            where=arguments.where,
            voxel_size_nm=arguments.voxel_size,
            overwrite=arguments.overwrite,
            on_event=show,
            should_stop=stopped.is_set,
        )
    if wants_json(arguments):
        print(json.dumps(_facts(found), allow_nan=False))
    else:
        print("\n".join(_lines(found)))
    return 0


def _facts(found: "Measurements") -> dict[str, object]:
    from cristae.measuring import summary

    facts: dict[str, object] = {
        "count": len(found.objects),
        "unit": found.unit,
        "summary": summary(found.objects),
        "table": str(found.files[0]) if found.files else None,
    }
    if not found.files:
        facts["objects"] = _dicts(found.objects)
        if found.contacts is not None:
            facts["contacts"] = _dicts(found.contacts)
    return facts


def _dicts(rows: "Table") -> list[dict[str, int | float | None]]:
    return [dict(zip(rows.names, row, strict=True)) for row in rows.rows()]


def _lines(found: "Measurements") -> list[str]:
    from cristae.measuring import summary

    rows = [
        [name, *(f"{values[of]:.6g}" for of in ("mean", "median", "min", "max"))]
        for name, values in summary(found.objects).items()
    ]
    lines = [table(["column", "mean", "median", "min", "max"], rows)] if rows else []
    lines.append(f"Objects: {len(found.objects):,}")
    if found.contacts is not None:
        lines.append(f"Pairs that touch: {len(found.contacts):,}")
    lines += [f"Written: {file}" for file in found.files]
    return lines
