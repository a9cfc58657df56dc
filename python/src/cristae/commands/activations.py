"""``cristae activations``: the maps of a network's layers on an image."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cristae.commands.arguments import (
    Commands,
    add_device,
    add_json,
    add_rows_and_columns,
    home_of,
    new_command,
    section_range,
    voxel_size,
    wants_json,
)
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.commands.tables import table
from cristae.computing import prepare_to_compute
from cristae.errors import InvalidInput

if TYPE_CHECKING:
    from cristae.prediction.activations import Activations

DESCRIPTION = """\
Show what a layer of a model's network makes of an image: a stack with a channel for each of its maps, 32 bit,
with the voxel size of the layer, which is coarser than the image where the network is. Without --layer the
layers are listed. A part of the image is enough and gives the same values as the whole; it is made of whole
voxels of the layer. RAW and FILE are of any format that `cristae predict` takes.
"""
EXAMPLE = """\
  cristae activations stack.tif --model mito
  cristae activations stack.tif --model mito --layer encoder.0 --out maps.tif --z 20:21
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "activations",
        summary="show what the layers of a network make of an image",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add("raw", metavar="RAW", type=Path, help="the image")
    add(
        "--model",
        metavar="NAME",
        required=True,
        help="a model's name in the library, or the path of its package",
    )
    add("--layer", metavar="NAME", help="the layer; default: list all")
    add("--out", metavar="FILE", help="the file to write, by its ending")
    add(
        "--z",
        metavar="A:B",
        type=section_range,
        help="these sections only; from 0, B excluded (default: the middle)",
    )
    add_rows_and_columns(command)
    add(
        "--voxel-size",
        metavar="Z,Y,X",
        type=voxel_size,
        help="in nanometres, if the file does not say it or says it wrongly",
    )
    add("--overwrite", action="store_true", help="replace FILE if it is there")
    add_device(command)
    add_json(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the layers, or write the maps of one."""
    from cristae.door.arguments import box_asked_for
    from cristae.door.sources import as_image
    from cristae.door.targets import check_target
    from cristae.extensions import use_extensions
    from cristae.models import ModelLibrary
    from cristae.prediction.activations import Activations
    from cristae.volumes import create_output, told_of

    if (arguments.layer is None) != (arguments.out is None):
        raise InvalidInput("--layer and --out go together: which maps to write, and where to.")
    if arguments.out is not None:
        check_target(arguments.out, arguments.raw, overwrite=arguments.overwrite)
    prepare_to_compute()
    with reporter() as show, polite_stop() as stopped:
        image = as_image(arguments.raw, arguments.voxel_size)
        for note in told_of([image]):
            show(note)
        home = home_of(arguments)
        use_extensions(home.extensions)
        model = ModelLibrary(home.models).find(arguments.model)
        network = Activations(model, image, arguments.device, show)
        if arguments.layer is None:
            return _list(network, as_json=wants_json(arguments))
        layer = network.layer(arguments.layer)
        middle = image.shape_czyx[1] // 2
        z = arguments.z or (middle, middle + 1)
        region = box_asked_for(image.shape_czyx[1:], z, arguments.y, arguments.x)
        box = network.box(layer, region)
        shape = (layer.maps, *box.shape)
        output = create_output(
            arguments.out,
            shape,  # type: ignore[arg-type]
            "float32",
            network.voxel_size(layer),
            name=f"{image.name} {layer.name}",
            overwrite=arguments.overwrite,
        )
        try:
            network.write(layer, region, output, stopped.is_set)
            output.seal()
        except BaseException:
            output.discard()
            raise
    if wants_json(arguments):
        print(json.dumps({"out": arguments.out, "layer": layer.name, "shape_czyx": list(shape)}))
    else:
        maps = "1 map" if layer.maps == 1 else f"{layer.maps} maps"
        print(f"Written: {arguments.out}, {maps} of {' x '.join(map(str, box.shape))} voxels (z, y, x).")
    return 0


def _list(network: "Activations", *, as_json: bool) -> int:
    if as_json:
        rows = [
            {
                "name": layer.name,
                "kind": layer.kind,
                "maps": layer.maps,
                "reduction_zyx": list(layer.reduction_zyx),
            }
            for layer in network.layers
        ]
        print(json.dumps({"layers": rows}))
        return 0
    lines = [
        [layer.name, layer.kind, str(layer.maps), " x ".join(map(str, layer.reduction_zyx))]
        for layer in network.layers
    ]
    print(table(["layer", "kind", "maps", "voxels in one (z, y, x)"], lines))
    return 0
