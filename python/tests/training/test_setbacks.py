"""What a training does about a loss that is no number, about too little memory, and about other machines."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cristae.errors import Cancelled, CristaeError, OutOfMemory
from cristae.events import Event, Note
from cristae.geometry import Box
from cristae.training import Budget, TrainedModel, TrainingRequest, inspect_and_plan, train
from cristae.training import pace as pace_module
from cristae.training import precision as precision_module
from cristae.training import selection as selection_module
from cristae.training import trainer as trainer_module
from cristae.training.divergence import advice
from cristae.training.losses import LOSSES, Compared, dice_ce
from cristae.training.optimiser import AdamW
from cristae.volumes import ArrayImage, VoxelSize

SMALL = {"features": "4", "levels": "2", "batch": "4", "patch_zyx": "1,32,32", "downsample_zyx": "1,1,1"}


def request_for(**choices: Any) -> TrainingRequest:
    random = np.random.default_rng(0)
    mask = random.integers(0, 2, (4, 5, 5), np.uint8).repeat(8, 1).repeat(8, 2)
    image = (100 + 80 * mask + random.integers(0, 20, mask.shape)).astype(np.uint8)
    size = VoxelSize(50, 5, 5)
    given: dict[str, Any] = {"model_name": "m", "budget": Budget(steps=6), "settings": SMALL}
    return TrainingRequest([(ArrayImage(image, size), ArrayImage(mask, size))], **{**given, **choices})


def trained(
    request: TrainingRequest,
    folder: Path,
    events: list[Event],
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainedModel:
    plan = inspect_and_plan(request, "cpu")
    return train(request, plan, folder=folder, on_event=events.append, should_stop=should_stop, device="cpu")


def warnings_of(events: list[Event]) -> list[str]:
    return [e.sentence for e in events if isinstance(e, Note) and e.is_warning]


def with_a_loss_that_is_no_number(monkeypatch: pytest.MonkeyPatch, at: Callable[[int], bool]) -> None:
    calls = 0

    def loss(answers: Compared) -> Tensor:
        nonlocal calls
        if not answers.logits.requires_grad:  # no step, but the validation
            return dice_ce(answers)
        calls += 1
        return dice_ce(answers) * (float("nan") if at(calls) else 1.0)

    monkeypatch.setitem(LOSSES, "dice_ce", loss)


def test_a_training_that_went_astray_once_goes_back_and_on_with_a_lower_learning_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_loss_that_is_no_number(monkeypatch, lambda call: call == 3)
    events: list[Event] = []
    model = trained(request_for(), tmp_path, events)
    told = [sentence for sentence in warnings_of(events) if "astray" in sentence]
    assert len(told) == 1
    assert told[0].endswith("goes on from step 0 with the learning rate 0.0005 instead of 0.002.")
    assert all(np.isfinite(weights).all() for weights in model.weights.values())
    assert model.record["training"]["steps"] == 6
    assert model.record["plan"]["settings"]["learning_rate"] == "0.0005"
    assert "the learning rate 0.0005" in model.record["plan"]["sentences"][-1]


def test_a_training_that_went_astray_goes_back_to_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "_CHECKPOINT_EVERY_S", 0.0)
    with_a_loss_that_is_no_number(monkeypatch, lambda call: call == 5)
    events: list[Event] = []
    trained(request_for(), tmp_path, events)
    assert any("goes on from step 4 with" in sentence for sentence in warnings_of(events))


def test_a_training_that_goes_astray_again_fails_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_loss_that_is_no_number(monkeypatch, lambda call: call in (3, 8))
    with pytest.raises(CristaeError, match=r"loss is no number .* lower learning rate .*=0\.000125"):
        trained(request_for(), tmp_path, [])


def test_the_advice_names_what_was_added_on_this_machine_and_may_make_no_numbers() -> None:
    ours = inspect_and_plan(request_for(), "cpu").choices
    assert advice(ours, 0.002) == "Train again with a lower learning rate (learning_rate=0.0005)."
    added = replace(ours, loss="mine", added_augmentation="theirs")
    assert advice(added, 0.002) == (
        "Look first whether the loss 'mine' or the augmentation 'theirs', added on this machine, makes NaN "
        "or infinite numbers. If not, train again with a lower learning rate (learning_rate=0.0005)."
    )


def test_a_training_started_again_after_it_failed_has_no_further_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_loss_that_is_no_number(monkeypatch, lambda call: True)
    for _ in range(2):
        events: list[Event] = []
        with pytest.raises(CristaeError, match="lower learning rate"):
            trained(request_for(), tmp_path, events)
    assert not any("astray" in sentence for sentence in warnings_of(events))


def test_weights_that_are_no_numbers_reach_neither_checkpoint_nor_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, calls = AdamW.step, 0

    def step(optimiser: AdamW, learning_rate: float) -> None:
        nonlocal calls
        calls += 1
        right(optimiser, learning_rate if calls != 6 else float("nan"))  # the last one: no loss tells it

    monkeypatch.setattr(AdamW, "step", step)
    events: list[Event] = []
    model = trained(request_for(), tmp_path, events)
    assert all(np.isfinite(weights).all() for weights in model.weights.values())
    assert any("its weights are no numbers" in sentence for sentence in warnings_of(events))


def with_memory_for(monkeypatch: pytest.MonkeyPatch, patches: int, error: Exception) -> None:
    def loss(answers: Compared) -> Tensor:
        if len(answers.logits) > patches:
            raise error
        return dice_ce(answers)

    monkeypatch.setitem(LOSSES, "dice_ce", loss)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate")],
)
def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_the_model_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with_memory_for(monkeypatch, 1, error)
    events: list[Event] = []
    model = trained(request_for(), tmp_path, events)
    told = [sentence for sentence in warnings_of(events) if "memory" in sentence]
    assert [sentence.split(" ", 7)[-1] for sentence in told] == [
        "4 patches in a step: from step 1 on, it is 2.",
        "2 patches in a step: from step 1 on, it is 1.",
    ]
    assert model.record["plan"]["settings"]["batch"] == "1"
    assert model.record["plan"]["sentences"][-1].startswith("A step saw 1 patch in the end")
    assert model.record["training"]["steps"] == 6


def test_a_single_patch_that_does_not_fit_ends_the_training_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_memory_for(monkeypatch, 0, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(OutOfMemory, match=r"a single patch\. Set a smaller patch_zyx"):
        trained(request_for(), tmp_path, [])


def test_a_training_that_goes_on_keeps_its_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "bfloat16_pays", lambda dims, device: True)
    unbroken = trained(request_for(), tmp_path / "unbroken", [])
    assert unbroken.record["plan"]["settings"]["precision"] == "bfloat16"
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        trained(request_for(), tmp_path / "broken", [], lambda: next(asked) == 3)
    monkeypatch.setattr(precision_module, "bfloat16_pays", lambda dims, device: False)
    resumed = trained(request_for(), tmp_path / "broken", [])
    assert resumed.record["plan"]["settings"]["precision"] == "bfloat16"
    for name, weights in unbroken.weights.items():
        assert np.array_equal(weights, resumed.weights[name]), name


def test_a_slow_first_step_does_not_make_the_batch_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, now_s, clock = 0, 0.0, time.monotonic

    def loss(answers: Compared) -> Tensor:
        nonlocal now_s, steps
        if not answers.logits.requires_grad:  # no step, but the validation
            return dice_ce(answers)
        steps += 1
        now_s = clock() + 4.2 if steps == 1 else now_s + 0.1
        return dice_ce(answers)

    monkeypatch.setitem(LOSSES, "dice_ce", loss)
    monkeypatch.setattr(time, "monotonic", lambda: now_s or clock())
    monkeypatch.setattr(pace_module, "_FEWEST_STEPS", 6)  # the first four take three quarters of the time
    model = trained(request_for(budget=Budget(minutes=0.1)), tmp_path, [])
    assert model.record["plan"]["settings"]["batch"] == "4"


@pytest.mark.parametrize(("sections", "precision"), [("8", "float32"), ("16", "bfloat16")])
def test_mixed_precision_is_not_chosen_where_its_gradients_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sections: str, precision: str
) -> None:
    monkeypatch.setattr(precision_module, "bfloat16_pays", lambda dims, device: True)
    volume = {"dimensions": "3", "levels": "3", "patch_zyx": f"{sections},16,16", "batch": "1"}
    image, labels = request_for().pairs[0]
    size = VoxelSize(5, 5, 5)
    pair = tuple(ArrayImage(given.read(Box.of_shape((4, 40, 40))), size) for given in (image, labels))
    request = TrainingRequest([pair], "m", budget=Budget(steps=2), settings=SMALL | volume)  # type: ignore[list-item]
    assert trained(request, tmp_path, []).record["plan"]["settings"]["precision"] == precision


def test_a_validation_part_without_any_object_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No object is there, and none predicted: there is no Dice.
    monkeypatch.setattr(selection_module, "validate", lambda *given: {"validation_loss": 0.5})
    model = trained(request_for(validation_z=(3, 4)), tmp_path, [])
    assert model.record["metrics"] == {"validation_loss": 0.5}
    assert model.record["training"]["steps"] == 6


@pytest.mark.parametrize("patience", ["1", "0.3"])
def test_a_training_killed_again_and_again_ends_as_one_in_a_single_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: str
) -> None:
    # The impatient one ends early: what it counts is not forgotten either.
    request = request_for(
        settings=SMALL | {"patience": patience}, budget=Budget(steps=20), validation_z=(3, 4)
    )
    told: list[Event] = []
    unbroken = trained(request, tmp_path / "unbroken", told)
    early = [event for event in told if isinstance(event, Note) and "ends early" in event.sentence]
    assert (len(early) == 1) == (patience == "0.3")

    class Killed(BaseException):
        pass

    def killed_at(count: int) -> Callable[[], bool]:
        asked = iter(range(1000))

        def killed() -> bool:
            if next(asked) == count:
                raise Killed
            return False

        return killed

    monkeypatch.setattr(trainer_module, "_CHECKPOINT_EVERY_S", 0.0)
    for step in (2, 1, 3):
        broken: list[Event] = []
        with pytest.raises(Killed):
            trained(request, tmp_path / "broken", broken, killed_at(step))
    resumed = trained(request, tmp_path / "broken", broken)
    assert resumed.record["training"]["steps"] == unbroken.record["training"]["steps"]
    assert resumed.record["metrics"] == unbroken.record["metrics"]
    assert any(isinstance(event, Note) and "goes on from step 6." in event.sentence for event in broken)
    for name, weights in unbroken.weights.items():
        assert np.array_equal(weights, resumed.weights[name]), name
