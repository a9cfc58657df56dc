"""Which weights are kept, by figures that are made by hand: 0.01 of Dice is chance, more is not."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from cristae.events import Event
from cristae.training.choices import Choices
from cristae.training.selection import Selection
from cristae.training.team import ALONE
from cristae.volumes import LabelClass


def weights_of(step: int) -> dict[str, Tensor]:
    return {"w": torch.tensor([float(step)])}


def selected(
    dices: Sequence[float | None], told: list[Event] | None = None, *, patience: float = 0.5
) -> Selection:
    """A training of which every tenth step was validated with these figures; None: there was no Dice."""
    choices = Choices(2, 0, (1, 1, 1), "section", 2, 4, (1, 16, 16), 1, patience=patience)
    plan: Any = SimpleNamespace(choices=choices, network=SimpleNamespace(dims=2))
    network: Any = None
    patches: Any = SimpleNamespace(members=None, reading=SimpleNamespace(answers=[LabelClass(1, "mito")]))
    on_event = (told if told is not None else []).append
    held_out = [(torch.zeros(1), torch.zeros(1))]
    selection = Selection(plan, network, patches, held_out, None, torch.device("cpu"), on_event, ALONE)
    coming = iter(dices)

    def figures(weights: Any) -> dict[str, float]:
        dice = next(coming)
        return {"validation_loss": 0.5} | ({} if dice is None else {"dice": dice})

    selection.figures = figures  # type: ignore[method-assign, assignment]
    for step in range(10, 10 * len(dices) + 1, 10):
        selection.take(step, {}, weights_of(step))
    return selection


@pytest.mark.parametrize(
    ("dices", "kept"),
    [
        ([0.5, 0.9, 0.8], 20),  # better by 0.1
        ([0.5, 0.812, 0.8], 20),  # by 0.012
        ([0.5, 0.808, 0.8], 30),  # by 0.008: chance
        ([0.5, 0.7, 0.8], 30),
        ([0.9, 0.5, 0.9], 30),  # as good
        ([0.5, 0.9, None], 20),  # the last ones find no voxel
        ([None, None], 20),
    ],
)
def test_older_weights_are_kept_only_if_they_were_clearly_better(
    dices: Sequence[float | None], kept: int
) -> None:
    told: list[Event] = []
    weights, values = selected(dices, told).chosen(weights_of(10 * len(dices)))
    assert weights == weights_of(kept)
    assert values.get("dice") == dices[kept // 10 - 1]
    said = [str(event) for event in told if f"weights of step {kept} predicted best" in str(event)]
    assert len(said) == (kept < 10 * len(dices))


def test_the_best_weights_are_a_copy_that_later_steps_do_not_change() -> None:
    selection = selected([])
    selection.figures = lambda weights: {"validation_loss": 0.5, "dice": 0.9}  # type: ignore[method-assign]
    weights = weights_of(10)
    selection.take(10, {}, weights)
    weights["w"] += 1
    assert selection.best == weights_of(10)


@pytest.mark.parametrize(
    ("dices", "step", "ends"),
    [
        ([0.9, 0.8, 0.8, 0.8, 0.8, 0.8], 60, True),  # the best one is 50 of 100 steps old
        ([0.9, 0.8, 0.8, 0.8, 0.8], 59, False),
        ([0.8, 0.9, 0.8, 0.8, 0.8, 0.8], 60, False),
        ([None] * 9, 90, False),  # nothing to go by
        ([], 90, False),
    ],
)
def test_a_training_ends_early_when_its_best_weights_are_as_old_as_it_has_patience(
    dices: Sequence[float | None], step: int, ends: bool
) -> None:
    told: list[Event] = []
    assert selected(dices, told).nothing_improves(step, 100) is ends
    assert any("Nothing has improved since step 10" in str(event) for event in told) is ends


def test_without_a_part_held_out_the_last_weights_are_kept_and_nothing_ends_early() -> None:
    selection = selected([0.9, 0.5])
    selection.validation = []
    assert selection.chosen(weights_of(20)) == (weights_of(20), {})
    assert not selection.nothing_improves(90, 100)
