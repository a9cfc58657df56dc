"""What a step takes is measured on the first ones, and one that memory does not suffice for is not taken."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import request_for
from torch import Tensor, nn

from cristae.computing import give_memory_back
from cristae.errors import OutOfMemory
from cristae.events import Event, Note
from cristae.training import (
    Budget,
    TrainedModel,
    TrainingRequest,
    data,
    inspect_and_plan,
    pace,
    train,
    trainer,
)
from cristae.training.pace import Measured, Pace, memory_watched
from cristae.training.schedule import Schedule
from cristae.training.team import Team
from cristae.training.telling import pace_told
from cristae.volumes import ArrayImage, VoxelSize

CPU = torch.device("cpu")
MB = 10**6


class Clock(Team):
    """A team whose clock stands where it is put."""

    time_s = 0.0

    def now(self) -> float:
        return self.time_s


def test_the_first_step_does_not_count_for_the_time_but_for_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = iter([900 * MB, 700 * MB, 950 * MB, 800 * MB])
    monkeypatch.setattr(pace, "resident_bytes", lambda: next(held))
    clock = Clock()
    measuring, found = Pace(CPU, clock, 100 * MB), []
    for clock.time_s in (60.0, 62.0, 63.0, 66.0, 70.0, 90.0):
        found.append(measuring.stepped())
    assert found == [None, None, None, Measured(2.0, 850 * MB), None, None]


@pytest.mark.parametrize(
    ("measured", "schedule", "step", "all_steps"),
    [
        (
            Measured(0.123, 64_400_000),
            Schedule(None, 40, 4),
            "0.12 s and 64 MB",
            "about 5 seconds for all 40 steps",
        ),
        (
            Measured(12.34, 2_960_000_000),
            Schedule(None, 600, 4),
            "12 s and 3.0 GB",
            "about 2.1 hours for all 600 steps",
        ),
        (
            Measured(0.45, 10**9),
            Schedule(300.0, None, 4, clock=lambda: 0.0),
            "0.45 s and 1.0 GB",
            "about 671 steps in 5 minutes",
        ),
    ],
)
def test_it_is_told_in_words(measured: Measured, schedule: Schedule, step: str, all_steps: str) -> None:
    assert pace_told(measured, schedule) == f"A step takes {step} of memory here: {all_steps}."
    assert pace_told(measured, None) == f"A step takes {step} of memory here."


class Hoard(nn.Module):
    """A layer that keeps 50 MB, as if for a backward pass."""

    def forward(self, kept: list[Tensor]) -> list[Tensor]:
        return [*kept, torch.ones(50 * MB // 4)]


@pytest.mark.parametrize(("left", "fits"), [(1000, True), (210, False)])
def test_a_step_fails_as_soon_as_it_has_taken_more_than_what_is_left(
    left: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_memory_back()
    before = pace.resident_bytes()
    monkeypatch.setattr(pace, "available_bytes", lambda: before + left * MB - pace.resident_bytes())
    network = nn.Sequential(*(Hoard() for _ in range(6)))
    if fits:
        with memory_watched(network, CPU):
            kept = network([])
        assert len(kept) == 6
    else:
        with pytest.raises(torch.OutOfMemoryError), memory_watched(network, CPU):
            network([])
        assert pace.resident_bytes() - before < left * MB
    assert not any(layer._forward_hooks for layer in network)


def trained(request: TrainingRequest, folder: Path, told: list[Event]) -> TrainedModel:
    plan = inspect_and_plan(request, "cpu")
    return train(request, plan, folder=folder, on_event=told.append, device="cpu")


def large_request() -> TrainingRequest:
    """A training of which a step of 8 patches takes some 900 MB."""
    mask = np.random.default_rng(0).integers(0, 2, (8, 32, 32), np.uint8).repeat(8, 1).repeat(8, 2)
    image, labels = (ArrayImage(voxels, VoxelSize(50, 5, 5)) for voxels in (60 + 60 * mask, mask))
    settings = {"validation": "0", "precision": "float32", "downsample_zyx": "1,1,1", "batch": "8"}
    return TrainingRequest([(image, labels)], "m", budget=Budget(steps=2), settings=settings)


def test_patches_that_the_memory_of_the_machine_does_not_suffice_for_are_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_memory_back()
    before = pace.resident_bytes()
    monkeypatch.setattr(pace, "available_bytes", lambda: before + 500 * MB - pace.resident_bytes())
    told: list[Event] = []
    model = trained(large_request(), tmp_path, told)
    assert int(model.record["plan"]["settings"]["batch"]) in (1, 2, 4)
    warnings = [event.sentence for event in told if isinstance(event, Note) and event.is_warning]
    assert any(
        "memory does not suffice for 8 patches in a step: from step 1 on, it is 4" in w for w in warnings
    )


@pytest.mark.parametrize("pretrain", ["0", "0.5"])
def test_a_machine_without_memory_for_one_patch_is_told(
    pretrain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_memory_back()
    monkeypatch.setattr(pace, "available_bytes", lambda: 0)
    request = large_request()
    request = replace(request, settings={**request.settings, "batch": "3", "pretrain": pretrain})
    told: list[Event] = []
    with pytest.raises(OutOfMemory, match="a single patch"):
        trained(request, tmp_path, told)
    if pretrain == "0":
        warnings = [event.sentence for event in told if isinstance(event, Note) and event.is_warning]
        assert "for 3 patches in a step: from step 1 on, it is 1." in warnings[-1]


@pytest.mark.parametrize("pretrain", ["0", "0.5"])
def test_a_patch_far_larger_than_the_memory_is_not_even_read(
    pretrain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_patch = 4096**2 * 4
    monkeypatch.setattr(data, "available_bytes", lambda: 6 * one_patch - 1)
    monkeypatch.setattr(data.PatchReader, "read", lambda *_, **__: pytest.fail("It was read."))
    request = large_request()
    far_too_large = {"patch_zyx": "1,4096,4096", "batch": "16", "pretrain": pretrain}
    request = replace(request, settings={**request.settings, **far_too_large, "context": "0"})
    with pytest.raises(OutOfMemory, match="a single patch"):
        trained(request, tmp_path, [])


@pytest.mark.parametrize(("left", "fits"), [(50, True), (7, False)])
def test_a_convolution_does_not_begin_to_make_more_than_the_memory_holds(
    left: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "available_bytes", lambda: left * MB)
    made: list[Tensor] = []
    convolution = nn.Conv3d(1, 20, 1, stride=(1, 2, 2))
    convolution.register_forward_hook(lambda layer, given, answer: made.append(answer))
    patches = torch.zeros(2, 1, 10, 200, 100)
    if fits:
        with memory_watched(nn.Sequential(convolution), CPU):
            convolution(patches)
        assert 4 * made[0].numel() == 8 * MB
    else:
        with pytest.raises(torch.OutOfMemoryError), memory_watched(nn.Sequential(convolution), CPU):
            convolution(patches)
        assert not made


@pytest.mark.parametrize(("steps", "times"), [(3, 0), (6, 1)])
def test_a_training_tells_once_what_a_step_takes(steps: int, times: int, tmp_path: Path) -> None:
    told: list[Event] = []
    trained(request_for("classes in sections", steps=steps), tmp_path, told)
    said = [event.sentence for event in told if isinstance(event, Note) and "A step takes" in event.sentence]
    assert len(said) == times
    assert all(sentence.endswith(" for all 6 steps.") for sentence in said)


def test_a_time_for_hardly_any_steps_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "FEW_STEPS", 10**6)  # however quick the machine is
    request = replace(request_for("classes in sections"), budget=Budget(minutes=1 / 60))
    (told,) = too_few(warnings_of(request, tmp_path))
    assert re.match(r"About \d+ steps? teach(es)? a network little\. Give it \d+ minutes? here, or", told)


@pytest.mark.parametrize(
    ("steps", "told"), [(1, "1 step teaches a network little. Give it 150 steps or"), (6, "6 steps teach a")]
)
def test_hardly_any_steps_are_warned_of_once_and_enough_are_not(
    steps: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for("classes in sections", steps=steps)
    (warning,) = too_few(warnings_of(request, tmp_path / "few"))
    assert warning.startswith(told)
    monkeypatch.setattr(trainer, "FEW_STEPS", steps)
    assert not too_few(warnings_of(request, tmp_path / "enough"))


def too_few(warnings: list[str]) -> list[str]:
    return [warning for warning in warnings if "a network little" in warning]


def test_steps_that_are_slow_are_told_to_see_fewer_patches_than_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "batch_with_enough_steps", lambda batch, measured, schedule: 1)
    told: list[Event] = []
    trained(request_for("classes in sections", steps=5), tmp_path, told)
    assert any("each sees 1 patch instead of the 3 that were planned, so that" in str(one) for one in told)


def warnings_of(request: TrainingRequest, folder: Path) -> list[str]:
    told: list[Event] = []
    trained(request, folder, told)
    return [event.sentence for event in told if isinstance(event, Note) and event.is_warning]
