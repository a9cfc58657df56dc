"""The worker's end of the conversation with its server."""

import io
import threading
import time

import pytest
import torch

from cristae.events import Note
from cristae.jobs.protocol import (
    CANCEL,
    FINISH,
    MAX_LINE,
    Order,
    order_line,
    parse_message,
    parse_order,
)
from cristae.jobs.specs import CleaningSpec, LabelledVolume, NamedVolume, PredictionSpec, TrainingSpec
from cristae.settings import Limits
from cristae.volumes import LabelClass
from cristae.volumes.found import FoundVolume
from cristae.worker.failures import explain
from cristae.worker.line import Line

ORDER = Order("job", 1, "cpu", PredictionSpec("m", "a" * 64))


class Pipe(io.RawIOBase):
    """Lines that come when the test lets them."""

    def __init__(self):
        self.lines, self.there = [], threading.Condition()

    def put(self, line):
        with self.there:
            self.lines.append(line)
            self.there.notify()

    def readline(self, size=-1):
        with self.there:
            while not self.lines:
                self.there.wait()
            return self.lines.pop(0)


def soon(question):
    deadline = time.monotonic() + 5
    while not question() and time.monotonic() < deadline:
        time.sleep(0.01)
    return question()


def test_a_worker_goes_on_until_it_is_told_to_stop():
    hear, speak = Pipe(), io.BytesIO()
    line = Line(hear, speak, give_up=lambda: None)
    hear.put(order_line(ORDER))
    assert line.order() == ORDER
    line.tell(Note("Hello."))
    assert parse_message(speak.getvalue()) == Note("Hello.")
    assert not line.should_finish()
    hear.put(FINISH)
    assert soon(line.should_finish)
    assert not line.should_stop()
    hear.put(CANCEL)
    assert soon(line.should_stop)
    hear.put(b"")


def test_a_worker_stops_when_its_server_has_gone_and_gives_up_if_it_hangs(monkeypatch):
    monkeypatch.setattr("cristae.worker.line.LONGEST_GOODBYE_S", 0.05)
    hear, gave_up = Pipe(), threading.Event()
    line = Line(hear, io.BytesIO(), gave_up.set)
    hear.put(order_line(ORDER))
    line.order()
    hear.put(b"")
    assert soon(line.should_stop)
    assert gave_up.wait(5)


def test_the_largest_job_that_the_server_takes_reaches_the_worker():
    limits = Limits()
    longest = "\N{MICROSCOPE}" * limits.max_name_length
    classes = tuple(LabelClass(value, longest) for value in range(1, limits.max_classes + 1))
    further = ("c" * 64,) * (limits.max_annotators - 1)
    pairs = (LabelledVolume("a" * 64, "b" * 64, further, longest),) * limits.max_training_volumes
    place = "\N{MICROSCOPE}" * 512  # the longest name under a data root
    found = (FoundVolume("d" * 64, place, place, "e" * 64),) * (len(pairs) * (1 + limits.max_annotators))
    settings = {f"{number}{longest}": longest for number in range(limits.max_settings)}
    spec = TrainingSpec(longest, pairs, classes=classes, settings=settings, start_from=longest, found=found)
    order = Order("job", 1, "cpu", spec)
    assert len(order_line(order)) > MAX_LINE // 3
    hear = Pipe()
    hear.put(order_line(order)[:MAX_LINE])
    assert Line(hear, io.BytesIO(), give_up=lambda: None).order() == order
    hear.put(b"")


def test_the_longest_cleaning_reaches_the_worker():
    limits, large = Limits(), 2**63 - 1
    merges = tuple((large,) * 1000 for _ in range(limits.max_merged_ids // 1000))
    points = ((large,) * 3,) * limits.max_points_of_split
    splits = tuple((large, points) for _ in range(limits.max_points // limits.max_points_of_split))
    order = Order("job", 1, "", CleaningSpec(NamedVolume("a" * 64), merges, splits))
    line = order_line(order)
    assert len(line) < MAX_LINE
    assert parse_order(line) == order


def test_a_worker_whose_words_nobody_hears_stops():
    class Broken(io.RawIOBase):
        def write(self, data):
            raise BrokenPipeError

    line = Line(Pipe(), Broken(), give_up=lambda: None)
    line.tell(Note("Hello?"))
    assert line.should_stop()


def what_torch_raises_without_memory():
    try:
        torch.empty(2**46, dtype=torch.uint8)
    except RuntimeError as error:
        return error
    raise AssertionError("64 TiB of memory were given")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "OUT_OF_MEMORY"),
        (what_torch_raises_without_memory(), "OUT_OF_MEMORY"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"), "OUT_OF_MEMORY"),
        (OSError(28, "No space left on device", "/home/someone/secret"), "DISK_FULL"),
        (OSError(30, "Read-only file system", "/home/someone/secret"), "DISK_FULL"),
        (OSError(5, "Input/output error", "/home/someone/secret"), "INTERNAL"),
        (ValueError("/home/someone/secret"), "INTERNAL"),
    ],
)
def test_whatever_goes_wrong_becomes_a_sentence_without_paths(error, code):
    told = explain(error)
    assert told.code == code
    assert "/" not in told.sentence
    assert told.sentence.endswith(".")


def test_without_memory_a_training_needs_smaller_patches_and_a_preview_a_smaller_part():
    assert "use a smaller patch" in explain(MemoryError(), "training").sentence
    for what in ("job", "prediction"):
        assert "patch" not in explain(MemoryError(), what).sentence
    told = explain(MemoryError(), "preview").sentence
    assert "select a smaller part of the slice" in told
    assert "patch" not in told
