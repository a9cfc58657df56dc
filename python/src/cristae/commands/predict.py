"""``cristae predict``: from an image and a model to a label image."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cristae.commands.arguments import (
    Commands,
    add_device,
    add_json,
    add_rows_and_columns,
    new_command,
    positive_count,
    section_range,
    voxel_size,
    wants_json,
)
from cristae.commands.reporting import reporter
from cristae.commands.stopping import polite_stop
from cristae.computing import prepare_to_compute

if TYPE_CHECKING:
    from cristae.door.workers import Workers

DESCRIPTION = """\
Predict an image with a model, without a server, tile by tile: the image may be far larger than the memory.
RAW is a TIFF file (also ImageJ and OME-TIFF), a folder of slices, OME-Zarr, HDF5 or N5 (file.h5:key), MRC or
NIfTI; OUT is written by its suffix: .tif, .ome.tif, .zarr, .ome.zarr or .h5; a name that ends in /, or an
empty folder that is there, becomes a folder of TIFF slices. OUT appears when it is complete, never half-made:
until then it is .OUT.partial beside it. Ctrl-C keeps that, and so does a kill: run the same command again and
it goes on from the last tile (not into HDF5, unless several processes predict it). What the network says for
objects, and what several processes say for other files than OME-Zarr, lies in .OUT.answers meanwhile. To give
up, delete .OUT.partial and .OUT.answers.
The home folder is only read: a library of models that somebody else owns is enough.
"""
EXAMPLE = """\
  cristae predict stack.tif stack-mito.tif --model mito
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands, "predict", summary="predict an image with a model", description=DESCRIPTION, example=EXAMPLE
    )
    add = command.add_argument
    add("raw", metavar="RAW", type=Path, help="the image")
    add("out", metavar="OUT", help="the file or folder to write")
    add(
        "--model",
        metavar="NAME",
        required=True,
        action="append",
        help="a model's name in the library, or the path of its package; given several times, the answers of "
        "all are combined",
    )
    add(
        "--combine",
        choices=("mean", "median", "vote"),
        help="of several models: the mean or the median of their probabilities, or what most of them say; "
        "their uncertainty is the entropy of the mean (default: mean)",
    )
    add(
        "--output",
        choices=("labels", "probabilities", "instances", "uncertainty"),
        help="what to write: class labels, or for masks 0 or 255 in a channel each; probabilities, 0 to 255 "
        "in a channel a class or mask; one id per object, for a model of classes per piece of a class that "
        "hangs together; how unsure the network is, 0 (sure) to 255 (entropy): of classes in one channel, of "
        "masks in a channel each; default: instances for a model trained on instances, else labels",
    )
    add(
        "--flips",
        action="store_true",
        help="average the answers for the image and its three mirror images in the plane: four times the "
        "time, usually a little better",
    )
    add(
        "--split-touching",
        action="store_true",
        help="with --output instances, of a model of classes: pieces that are narrow somewhere are parted "
        "there, such as two balls that touch",
    )
    several = command.add_mutually_exclusive_group()
    several.add_argument(
        "--local-workers",
        metavar="N",
        type=positive_count,
        help="have so many processes of this machine predict RAW together",
    )
    several.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        type=_scheduler,
        help="have the workers of a Dask scheduler do it; they see all files under the same paths",
    )
    several.add_argument(
        "--slurm",
        metavar="JOBS",
        type=positive_count,
        help="have so many jobs of SLURM do it, as jobqueue.yaml of Dask describes them",
    )
    add(
        "--inside",
        metavar="MASK",
        help="an image, as large as RAW or coarser by whole numbers: where it is 0, so is OUT, and what lies "
        "outside is not computed",
    )
    add(
        "--z",
        metavar="A:B",
        type=section_range,
        help="predict these sections only, from 0, B excluded; OUT is as large as RAW, and 0 elsewhere",
    )
    add_rows_and_columns(command)
    add(
        "--engine",
        choices=("auto", "torch", "openvino"),
        default="auto",
        help="what computes: torch; openvino, on CPUs, if it is installed (pip install openvino); "
        "auto, the one that takes less time (default: auto)",
    )
    add(
        "--voxel-size",
        metavar="Z,Y,X",
        type=voxel_size,
        help="in nanometres, if the file does not say it or says it wrongly",
    )
    add("--overwrite", action="store_true", help="replace OUT if it is there")
    add_device(command)
    add_json(command)
    command.set_defaults(run=run)


def _scheduler(address: str) -> str:
    """Refuse what can be no address: Dask would try it for a while, and print where it gave up.

    Examples
    --------
    >>> _scheduler("tcp://10.0.0.5:8786")
    'tcp://10.0.0.5:8786'
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(
            f"'{address}' is no address of a Dask scheduler; it tells its own, such as "
            "tcp://10.0.0.5:8786, when it starts"
        )
    return address


def _workers(arguments: argparse.Namespace) -> "Workers | None":
    from cristae.door.workers import DaskWorkers, LocalWorkers, SlurmWorkers

    if arguments.local_workers is not None:
        return LocalWorkers(arguments.local_workers)
    if arguments.scheduler is not None:
        return DaskWorkers(arguments.scheduler)
    return None if arguments.slurm is None else SlurmWorkers(arguments.slurm)


def run(arguments: argparse.Namespace) -> int:
    """Predict and tell where the result is."""
    from cristae import door

    prepare_to_compute()
    with reporter() as show, polite_stop() as stopped:
        door.predict(
            arguments.raw,
            arguments.out,
            model=arguments.model,
            combine=arguments.combine,
            kind=arguments.output,
            engine=arguments.engine,
            device=arguments.device,
            flips=arguments.flips,
            split_touching=arguments.split_touching,
            inside=arguments.inside,
            z=arguments.z,
            y=arguments.y,
            x=arguments.x,
            voxel_size_nm=arguments.voxel_size,
            workers=_workers(arguments),
            overwrite=arguments.overwrite,
            home=getattr(arguments, "home", None),
            on_event=show,
            should_stop=stopped.is_set,
        )
    models = arguments.model
    if wants_json(arguments):
        print(json.dumps({"out": str(arguments.out), "model": models[0] if len(models) == 1 else models}))
    else:
        print(f"Written: {arguments.out}")
    return 0
