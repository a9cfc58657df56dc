"""``cristae models``: the models of the home folder."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cristae.commands.arguments import Commands, add_action, add_json, home_of, new_command, wants_json
from cristae.commands.tables import moment, table
from cristae.errors import NotFound

if TYPE_CHECKING:
    from cristae.models import ModelLibrary, ModelPackage

DESCRIPTION = "List, show and delete the models in the home folder, and print the curves of their trainings."
EXAMPLE = """\
  cristae models
  cristae models show mito --json
  cristae models curves mito
  cristae models curves mito --out mito.xlsx
  cristae models delete mito
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands, "models", summary="list, show and delete models", description=DESCRIPTION, example=EXAMPLE
    )
    add_json(command)
    actions = command.add_subparsers(metavar="list | show NAME | curves NAME | delete NAME")
    add_action(actions, "list", "list all models, newest first (default)", list_models)
    add_action(actions, "show", "show one model: classes, figures, plan", show_model, operand="NAME")
    curves = add_action(
        actions, "curves", "print the curves of the training as CSV", print_curves, operand="NAME"
    )
    curves.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="write them into this file instead, by its ending: .csv, or .xlsx for Excel, with a chart",
    )
    curves.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    add_action(actions, "delete", "delete one model", delete_model, operand="NAME")
    command.set_defaults(run=list_models)


def list_models(arguments: argparse.Namespace) -> int:
    """Print the models."""
    models, unreadable = _library(arguments).survey()
    for name, problem in unreadable.items():
        print(f"cristae: The model '{name}' cannot be used. {problem}", file=sys.stderr)
    if wants_json(arguments):
        print(json.dumps({"models": [_facts(model) for model in models]}))
        return 0
    if not models:
        if not unreadable:
            print("There are no models yet. `cristae train` makes one.")
        return 0
    rows = [[m.name, m.record["target"], _shortened(_classes(m.record)), moment(m.created_s)] for m in models]
    print(table(["name", "target", "classes", "made"], rows))
    return 0


def show_model(arguments: argparse.Namespace) -> int:
    """Print one model."""
    from cristae.models.previews import PREVIEW_FILE

    model = _library(arguments).find(arguments.name)
    if wants_json(arguments):
        print(json.dumps({**_facts(model), "record": dict(model.record)}))
        return 0
    record = model.record
    voxel = record["voxel_size_nm"]
    print(f"{model.name}, {record['target']}: {_classes(record)}")
    print(f"made {moment(model.created_s)} by cristae {record['cristae_version']}, in {model.path}")
    print(
        "voxels of "
        + (" x ".join(f"{side:g}" for side in voxel) + " nm (z, y, x)" if voxel else "unknown size")
    )
    for name, value in sorted(record["metrics"].items()):
        print(f"  {name}: {value:.4f}" if isinstance(value, float) else f"  {name}: {value}")
    if model.preview():
        print(f"what it makes of the part held out: {model.path / PREVIEW_FILE}")
    for pair in record["data"]:
        image, labels = (str(pair.get(f"{what}_digest", ""))[:12] for what in ("image", "labels"))
        further = len(pair.get("further_labels_digests", ()))
        others = f" and those of {further} other annotator{'s' * (further > 1)}" if further else ""
        print(f"trained on the image {image} with the labels {labels}{others}")
    for sentence in record["plan"]["sentences"]:
        print(f"  - {sentence}")
    return 0


def print_curves(arguments: argparse.Namespace) -> int:
    """Print the figures of the training, one line for each time that they were taken."""
    from cristae.commands.curves import as_csv, history_of, write_curves

    model = _library(arguments).find(arguments.name)
    if arguments.out is not None:
        write_curves(history_of(model), arguments.out, overwrite=arguments.overwrite)
    if wants_json(arguments):
        print(json.dumps({"name": model.name, "history": model.record.get("history", [])}))
    elif arguments.out is None:
        print(as_csv(history_of(model)), end="")
    else:
        print(f"The curves of '{model.name}' are in {arguments.out}.")
    return 0


def delete_model(arguments: argparse.Namespace) -> int:
    """Delete one model."""
    if not _library(arguments).delete(arguments.name):
        raise NotFound(
            f"There is no model '{arguments.name}', so nothing was deleted. `cristae models` lists them."
        )
    if wants_json(arguments):
        print(json.dumps({"deleted": arguments.name}))
    else:
        print(f"The model '{arguments.name}' is deleted.")
    return 0


def _library(arguments: argparse.Namespace) -> "ModelLibrary":
    from cristae.models import ModelLibrary

    return ModelLibrary(home_of(arguments).models)


def _facts(model: "ModelPackage") -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(model.path),
        "digest": model.digest,
        "created_s": model.created_s,
        "target": model.record["target"],
        "classes": model.record["classes"],
        "metrics": model.record["metrics"],
    }


def _shortened(text: str, most: int = 60) -> str:
    """Cut a text that would make a table too wide; ``show`` tells all of it.

    Examples
    --------
    >>> _shortened("1 mito, 2 er", 9)
    '1 mito...'
    """
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _classes(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{entry['value']} {entry['name']}".strip() for entry in record["classes"])
