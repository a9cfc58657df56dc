"""The worker process: ``python -m cristae.worker --home DIR`` does one job.

With ``--gpus`` it lists the GPUs instead, with ``--extensions`` what the owner of the home added, with
``--layers`` the layers of a model; with ``--previews`` it answers previews.
"""

import argparse
import faulthandler
import io
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cristae.computing import prepare_to_compute, prepare_to_train
from cristae.errors import Cancelled, CristaeError
from cristae.extensions import OWN_NAMES, names_of, use_extensions
from cristae.jobs.protocol import Ending, Order, Stopped
from cristae.jobs.records import JobError
from cristae.jobs.specs import (
    CleaningSpec,
    EvaluationSpec,
    MeasurementSpec,
    PredictionSpec,
    TrainingSpec,
)
from cristae.locking import FileLock
from cristae.settings import Home, Limits
from cristae.volumes.data_root import DataRoot
from cristae.worker.failures import explain
from cristae.worker.line import LONGEST_GOODBYE_S, Line, standard_output_alone

_KINDS: dict[type, str] = {TrainingSpec: "training", PredictionSpec: "prediction"}

_log = logging.getLogger("cristae.worker")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="cristae.worker", description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--gpus", action="store_true", help="print the GPUs as JSON and end")
    parser.add_argument("--extensions", action="store_true", help="print what was added as JSON and end")
    parser.add_argument("--previews", action="store_true", help="answer previews until the input closes")
    parser.add_argument("--data-root", type=Path, help="where images lie that nobody sent")
    parser.add_argument("--layers", metavar="MODEL", help="print the layers of a model as JSON and end")
    chosen = parser.parse_args(arguments)
    if chosen.gpus:
        from cristae.worker.devices import gpus

        print(json.dumps(gpus()))
        return 0
    prepare_to_compute()  # before an extension loads torch
    home = Home.find(chosen.home)
    use_extensions(home.extensions)
    if chosen.extensions:
        print(json.dumps(extensions_told()))
        return 0
    if chosen.layers:
        print(json.dumps(layers_told(home, chosen.layers)))
        return 0
    faulthandler.enable()
    _end_at_once_when_told()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if chosen.previews:
        from cristae.worker.previews import Previews

        speak = io.BufferedWriter(standard_output_alone())
        Previews(home, Limits.from_environment()).converse(sys.stdin.buffer, speak)
        return 0
    line = Line.over_standard_streams()
    order = line.order()
    _log.info(
        "Attempt %s at the job %s on %s, process %s", order.attempt, order.job_id, order.device, os.getpid()
    )
    lock = FileLock(
        home.jobs / order.job_id / "lock", "This job is in use by the process {holder}; end that one first."
    )
    lock.acquire(wait_s=LONGEST_GOODBYE_S + 10.0)  # a worker whose server died may still be saving
    ending = do(home, order, line, chosen.data_root)
    lock.release()
    line.say(ending)
    return 0


def do(home: Home, order: Order, line: Line, data_root: Path | None = None) -> Ending:
    """Do the job of an order and return how it ended; whatever goes wrong becomes a sentence."""
    try:
        root = DataRoot(data_root) if data_root is not None and order.spec.found else None
        # Torch and the science are loaded here, under the lock and where a failure is told.
        match order.spec:
            case TrainingSpec():
                from cristae.worker.training import run_training

                prepare_to_train()
                return run_training(home, order, order.spec, line, root)
            case PredictionSpec():
                from cristae.worker.prediction import run_prediction

                return run_prediction(home, order, order.spec, line, root)
            case EvaluationSpec():
                from cristae.worker.evaluation import run_evaluation

                return run_evaluation(home, order, order.spec, line, root)
            case MeasurementSpec():
                from cristae.worker.measuring import run_measurement

                return run_measurement(home, order, order.spec, line, root)
            case CleaningSpec():
                from cristae.worker.cleaning import run_cleaning

                return run_cleaning(home, order, order.spec, line, root)
    except Cancelled:
        return Stopped()
    except CristaeError as error:
        _log.exception("The job failed")
        return JobError(error.code, error.sentence)
    except Exception as error:
        _log.exception("The job failed")
        return explain(error, _KINDS.get(type(order.spec), "job"))


def layers_told(home: Home, model: str) -> dict[str, Any]:
    """Return the layers of a model, or why they cannot be told."""
    try:
        from cristae.worker.layers import layers_of_model

        return layers_of_model(home, model)
    except CristaeError as error:
        return {"code": error.code, "sentence": error.sentence}


def extensions_told() -> dict[str, Sequence[str]] | str:
    """Return the names that the owner of the home added, by kind, or the sentence that says what is wrong."""
    try:
        return {kind: names_of(kind) for kind in OWN_NAMES}
    except CristaeError as error:
        return error.sentence


def _end_at_once_when_told() -> None:
    # What is made becomes visible only by a rename, so that ending anywhere is safe.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    # Ctrl-C in a terminal is for the server, which then asks its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Not through the interpreter's end: thread pools of libraries may wait there for ever.
    os._exit(status)
