"""``cristae volumes``: the images and results in the home folder."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from cristae.commands.arguments import Commands, add_action, add_json, home_of, new_command, wants_json
from cristae.commands.tables import moment, table
from cristae.errors import InvalidInput, NotFound
from cristae.settings import size

if TYPE_CHECKING:
    from cristae.volumes import StoredVolume

DESCRIPTION = """\
List, show and delete the volumes in the home folder: what Fiji has sent, and the results of jobs. A volume is
named by its digest; the first characters are enough. Volumes stay until they are deleted. Those that are only
half there are not listed: they lie in the folder staging of the home folder, and a server removes them when
nobody went on with them for a week.
"""
EXAMPLE = """\
  cristae volumes
  cristae volumes show 3f2a
  cristae volumes delete 3f2a
"""
SHORT = 12
LEAST = 4


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands, "volumes", summary="list, show and delete volumes", description=DESCRIPTION, example=EXAMPLE
    )
    add_json(command)
    actions = command.add_subparsers(metavar="list | show ID | delete ID")
    add_action(actions, "list", "list all volumes, newest first (default)", list_volumes)
    add_action(actions, "show", "show one volume", show_volume, operand="ID")
    add_action(actions, "delete", "delete one volume", delete_volume, operand="ID")
    command.set_defaults(run=list_volumes)


def list_volumes(arguments: argparse.Namespace) -> int:
    """Print the volumes."""
    volumes = _sealed(arguments)
    if wants_json(arguments):
        print(json.dumps({"volumes": [_facts(volume) for volume in volumes]}))
        return 0
    if not volumes:
        print("There are no volumes. Fiji sends them, and jobs make them.")
        return 0
    rows = [
        [v.digest[:SHORT], v.spec.name, _shape(v), v.spec.dtype, size(v.stored_bytes), moment(v.created_s)]
        for v in volumes
    ]
    print(table(["id", "name", "c x z x y x x", "type", "stored", "made"], rows))
    return 0


def show_volume(arguments: argparse.Namespace) -> int:
    """Print one volume."""
    volume = _find(arguments)
    facts = _facts(volume)
    if wants_json(arguments):
        print(json.dumps(facts))
        return 0
    for name, value in facts.items():
        print(f"{name}: {value}")
    return 0


def delete_volume(arguments: argparse.Namespace) -> int:
    """Delete one volume."""
    from cristae.volumes import VolumeStore

    volume = _find(arguments)
    VolumeStore(home_of(arguments).root).delete(volume.digest)
    if wants_json(arguments):
        print(json.dumps({"deleted": volume.digest}))
    else:
        print(f"The volume {volume.digest[:SHORT]} ({volume.spec.name}) is deleted.")
    return 0


def _sealed(arguments: argparse.Namespace) -> "list[StoredVolume]":
    from cristae.volumes import sealed_volumes

    return sealed_volumes(home_of(arguments).volumes)


def _find(arguments: argparse.Namespace) -> "StoredVolume":
    wanted = arguments.name.lower()
    if len(wanted) < LEAST:
        raise InvalidInput(
            f"'{wanted}' is too short for a volume; give at least {LEAST} characters of its id."
        )
    found = [volume for volume in _sealed(arguments) if volume.digest.startswith(wanted)]
    if not found:
        raise NotFound(f"There is no volume '{wanted}'. `cristae volumes` lists those that are there.")
    if len(found) > 1:
        raise InvalidInput(f"'{wanted}' could be {len(found)} volumes; give more characters of the id.")
    return found[0]


def _shape(volume: "StoredVolume") -> str:
    return " x ".join(map(str, volume.spec.shape_czyx))


def _facts(volume: "StoredVolume") -> dict[str, Any]:
    spec = volume.spec
    return {
        "id": volume.digest,
        "name": spec.name,
        "shape_czyx": list(spec.shape_czyx),
        "dtype": spec.dtype,
        "voxel_size_nm": None if spec.voxel_size is None else list(spec.voxel_size.zyx_nm),
        "stored_bytes": volume.stored_bytes,
        "created_s": volume.created_s,
    }
