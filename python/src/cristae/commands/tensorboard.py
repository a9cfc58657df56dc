"""``cristae tensorboard``: the curves and pictures of trainings in TensorBoard, live."""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from cristae.commands.arguments import Commands, home_of, new_command
from cristae.commands.jobs import find_job, journal_of
from cristae.commands.serve import port
from cristae.commands.stopping import polite_stop
from cristae.errors import AlreadyExists, CristaeError, InvalidInput, NotFound

if TYPE_CHECKING:
    from cristae.commands.eventfiles import Training, TrainingLog
    from cristae.jobs.journal import Journal
    from cristae.settings import Home

DESCRIPTION = """\
Show the curves and the previews of trainings in TensorBoard: those of models, and of trainings that the
server of this home folder is at, which go on growing. It listens on this machine only, until Ctrl-C. With
--out the logs are written for a TensorBoard of your own. It needs the package tensorboard
(pip install 'cristae[tensorboard]').
"""
EXAMPLE = """\
  cristae tensorboard
  cristae tensorboard mito vesicles
  cristae tensorboard 1b4e28ba
  cristae tensorboard mito --out logs
"""
UPDATED_EVERY_S = 3.0


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "tensorboard",
        summary="show curves and previews of trainings in TensorBoard",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add = command.add_argument
    add(
        "names",
        metavar="NAME",
        nargs="*",
        help="a model's name or path, or the id of a training job (its first characters are enough); "
        "default: all models, and the trainings that go on",
    )
    add("--out", metavar="FOLDER", type=Path, help="write the logs into this folder, and show nothing")
    add("--port", type=port, help="the port to listen on (default: 6006, or the next free one)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the logs, and show them until Ctrl-C."""
    from cristae.commands.eventfiles import TrainingLog

    if arguments.out is not None:
        _refuse_file(arguments.out)
        _refuse_older_logs(arguments.out)
    with ExitStack() as stack, journal_of(arguments) as journal:
        trainings = _chosen(arguments, journal)
        root = arguments.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cristae-logs-")))
        logs = [stack.enter_context(closing(TrainingLog(training, root))) for training in trainings]
        for log in logs:
            log.update()
        if arguments.out is None:
            _show(root, arguments.port, logs)
        else:
            print(f"The logs of {_count(trainings)} are in {root}.")
    return 0


def _refuse_file(out: Path) -> None:
    file = next((place for place in (out, *out.parents) if place.is_file()), None)
    if file is not None:
        raise InvalidInput(f"{file} is a file, and the logs go into a folder: name another one with --out.")


def _chosen(arguments: argparse.Namespace, journal: "Journal | None") -> "list[Training]":
    from cristae.commands.curves import history_of
    from cristae.commands.eventfiles import TrainingOfJob, TrainingOfModel
    from cristae.models import ModelLibrary

    home = home_of(arguments)
    library = ModelLibrary(home.models)
    chosen: list[Training] = []
    for name in dict.fromkeys(arguments.names):
        try:
            model = library.find(name)
        except NotFound:
            chosen.append(_of_job(home, journal, name))
        else:
            history_of(model)  # says what is wrong with a model without curves
            chosen.append(TrainingOfModel(model))
    if arguments.names:
        return chosen
    chosen += [TrainingOfModel(model) for model in library.list() if model.record.get("history")]
    if journal is not None:
        going_on = [job for job in journal.open_jobs() if job.kind == "training"]
        chosen += [TrainingOfJob(home, journal, job) for job in going_on]
    if not chosen:
        raise NotFound("No model has curves, and no training goes on. `cristae train` makes a model.")
    return chosen


def _of_job(home: "Home", journal: "Journal | None", name: str) -> "Training":
    from cristae.commands.eventfiles import TrainingOfJob

    try:
        job = find_job(journal, name)
    except (NotFound, InvalidInput) as problem:
        raise NotFound(f"There is no model '{name}', and as a job: {problem.sentence}") from problem
    if job.kind != "training" or journal is None:
        raise NotFound(f"The job '{name}' is no training: it has no curves.")
    return TrainingOfJob(home, journal, job)


def _show(root: Path, wanted_port: int | None, logs: "Sequence[TrainingLog]") -> None:
    """Run TensorBoard on a folder that goes on growing, until Ctrl-C."""
    words = [sys.executable, "-m", "tensorboard.main", "--logdir", str(root), "--host", "127.0.0.1"]
    words += ["--reload_interval", str(UPDATED_EVERY_S), "--load_fast", "false"]
    words += [] if wanted_port is None else ["--port", str(wanted_port)]
    with (
        polite_stop() as stopped,
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as viewer,  # noqa: S603 - our own words
    ):
        told: list[str] = []
        reader = threading.Thread(target=_read, args=(viewer, told, _count(logs)), daemon=True)
        reader.start()
        try:
            while not stopped.wait(UPDATED_EVERY_S) and viewer.poll() is None:
                for log in logs:
                    log.update()
        finally:
            viewer.terminate()
        reader.join()
    if not stopped.is_set():
        raise CristaeError(f"TensorBoard ended: {told[-1] if told else 'it said nothing'}")


def _read(viewer: "subprocess.Popen[str]", told: list[str], shown: str) -> None:
    """Keep what TensorBoard says, and say where it is."""
    assert viewer.stderr is not None  # noqa: S101 - asked for above
    for line in viewer.stderr:
        told[:] = [*told[-20:], line.strip() or (told[-1] if told else "")]
        _, at, address = line.partition(" at http://")
        if at:
            print(f"TensorBoard shows {shown} at http://{address.split()[0]} - Ctrl-C ends it.", flush=True)


def _refuse_older_logs(out: Path) -> None:
    if any(out.glob("*/events.out.tfevents.*")):  # every point would be there twice
        raise AlreadyExists(f"{out} holds logs already: name another folder with --out, or delete this one.")


def _count(trainings: "Sequence[object]") -> str:
    return f"{len(trainings)} training{'' if len(trainings) == 1 else 's'}"
