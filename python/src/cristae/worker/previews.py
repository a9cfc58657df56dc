"""The process that answers previews, with models that stay loaded (``python -m cristae.worker --previews``).

It hears questions and gives an answer to each, as frames over standard input and output, until its input
closes.
"""

import logging
import os
import queue
import threading
from typing import Any, BinaryIO

import numpy as np
import torch

from cristae.errors import CorruptData, CristaeError, InvalidInput
from cristae.geometry import Box
from cristae.jobs.frames import frame_parts, read_frame
from cristae.models import ModelLibrary
from cristae.networks import Statistics
from cristae.networks.devices import choose_device, describe
from cristae.prediction import Predictor
from cristae.prediction.devices import free_bytes, use_threads
from cristae.prediction.part import PartOfImage, PartPrediction
from cristae.settings import Home, Limits, size
from cristae.volumes import VoxelSize
from cristae.worker.failures import explain
from cristae.worker.loaded import LoadedModels

_log = logging.getLogger(__name__)

type Record = dict[str, Any]
type Answer = tuple[Record, bytes]

_LEAST_FREE = 2 * 2**30
"""On a GPU where a job computes: with less, one of the two would run out of memory."""

_SHARE_OF_THREADS = 4
"""While a job runs, one of so many threads of the CPU computes previews."""


class Previews:
    """Answers questions about parts of images.

    Parameters
    ----------
    home
        Whose models.
    limits
        How many of them stay loaded.
    """

    def __init__(self, home: Home, limits: Limits) -> None:
        self.models = LoadedModels(
            ModelLibrary(home.models), limits.max_preview_models, limits.max_preview_model_bytes
        )
        self._threads = torch.get_num_threads()
        self._most_bytes = limits.max_preview_bytes
        self._stopped = 0

    def converse(self, hear: BinaryIO, speak: BinaryIO) -> None:
        """Answer every question that is heard, to the end."""
        questions: queue.Queue[Answer | None] = queue.Queue()
        listener = threading.Thread(target=self._listen, args=(hear, questions), daemon=True)
        listener.start()
        while (heard := questions.get()) is not None:
            record, voxels = self.answer(*heard)
            for part in frame_parts(record, voxels):
                speak.write(part)
            speak.flush()

    def _listen(self, hear: BinaryIO, questions: "queue.Queue[Answer | None]") -> None:
        try:
            while (heard := read_frame(hear, self._most_bytes)) is not None:
                if "stop" in heard[0]:
                    self._stopped = max(self._stopped, heard[0]["stop"])
                else:
                    questions.put(heard)
        except CorruptData:
            _log.exception("The server cannot be understood")
        # The server has gone: nobody waits for what is computed just now.
        os._exit(0)

    def answer(self, question: Record, voxels: bytes) -> Answer:
        """Return the answer to a question, or why there is none: ``code`` and ``sentence``."""
        try:
            return self._part(question, voxels) if "box" in question else (self._plan(question), b"")
        except CristaeError as error:
            return {"code": error.code, "sentence": error.sentence}, b""
        except Exception as error:
            _log.exception("A preview failed")
            failure = explain(error, "preview")
            return {"code": failure.code, "sentence": failure.sentence}, b""

    def _plan(self, question: Record) -> Record:
        predictor, _ = self._predictor(question)
        image = PartOfImage(tuple(question["shape"]), _voxel_size(question))
        needed = PartPrediction(predictor, image, _box(question["region"])).needed
        return {
            "box": [needed.box.start, needed.box.stop],
            "samples": [[[box.start, box.stop] for box in boxes] for boxes in needed.samples],
        }

    def _part(self, question: Record, voxels: bytes) -> Answer:
        predictor, notes = self._predictor(question)
        box, shape = _box(question["box"]), tuple(question["shape"])
        dtype = np.dtype(question["dtype"]).newbyteorder("<")
        array = np.frombuffer(voxels, dtype).reshape(shape[0], *box.shape)
        image = PartOfImage(shape, _voxel_size(question), box, array.astype(dtype.newbyteorder("=")))
        prediction = PartPrediction(predictor, image, _box(question["region"]))
        measured = [Statistics.measured(mean, deviation) for mean, deviation in question["statistics"]]
        number = question["number"]
        found = prediction.run(question["output"], measured, box, should_stop=lambda: self._stopped >= number)
        channel = question["channel"]
        if channel is not None:
            if not 0 <= channel < len(found):
                raise InvalidInput(
                    f"The model tells {len(found)} classes or masks apart; choose one of them."
                )
            found = found[channel : channel + 1]
        record = {
            "channels": len(found),
            "target": predictor.record["target"],
            "classes": [(row["value"], row["name"], row["rgb"]) for row in predictor.record["classes"]],
            "device": describe(predictor.device),
            "notes": [*notes, *prediction.notes],
            "digest": predictor.digest,
        }
        return record, np.ascontiguousarray(found).tobytes()

    def _predictor(self, question: Record) -> tuple[Predictor, list[str]]:
        """Return the model where it is to compute, and what is to be said of that place."""
        device, notes = _place(question["device"], bool(question["taken"]))
        if device.type == "cpu":
            use_threads(max(1, self._threads // _SHARE_OF_THREADS) if question["taken"] else self._threads)
        return self.models.get(question["model"], str(device)), notes


def _place(asked: str, is_taken: bool) -> tuple[torch.device, list[str]]:
    device = choose_device(asked)
    if asked or device.type == "cpu" or not is_taken or free_bytes(device) >= _LEAST_FREE:
        return device, []
    free = size(free_bytes(device))
    told = f"The GPU has {free} free beside the job that runs: the preview is computed on the CPU."
    return torch.device("cpu"), [told]


def _box(ends: list[list[int]]) -> Box:
    start, stop = ends
    return Box(tuple(start), tuple(stop))


def _voxel_size(question: Record) -> VoxelSize | None:
    sides = question["voxel_size"]
    return None if sides is None else VoxelSize(*sides)
